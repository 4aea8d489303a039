"""The status server beside real proxies: what it answers, to whom, and that it is true."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import jsonschema
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families

from tests.unit.observe.tunnel import Tunnel, tunnel
from tools.make_status_schema import schema
from wormhole_tunnel.observe.status.metrics import PROXY_METRICS

TOKEN = "0123456789abcdef0123"
PATHS = ("/", "/healthz", "/readyz", "/metrics", "/status.json")
SIZE = 5000


async def get(session: aiohttp.ClientSession, path: str, **headers: str) -> tuple[int, str]:
    async with session.get(path, headers=headers) as response:
        return response.status, await response.text()


async def document(session: aiohttp.ClientSession, query: str = "") -> dict[str, Any]:
    found: dict[str, Any] = json.loads((await get(session, f"/status.json{query}"))[1])
    return found


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Ask again and again; `tunnel` has a deadline."""
    while not await condition():
        pass


async def not_ready(session: aiohttp.ClientSession) -> bool:
    return (await get(session, "/readyz"))[0] != 200


async def nothing_open(session: aiohttp.ClientSession) -> bool:
    return not (await document(session))["proxies"][0]["open_connections"]


async def echo(tun: Tunnel, size: int = SIZE) -> asyncio.StreamWriter:
    """Carry `size` bytes there and back, and leave the connection open."""
    reader, writer = await tun.client.open_connection()
    writer.write(bytes(size))
    await reader.readexactly(size)
    return writer


def value(text: str, name: str, **labels: str) -> float:
    """The only sample of that name with these labels."""
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    [found] = [each.value for each in samples if each.name == name and labels.items() <= each.labels.items()]
    return float(found)


def test_both_proxies_count_the_same_connections_and_bytes(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with tunnel(tmp_path) as tun:
            writer = await echo(tun)
            for session in (tun.client_status, tun.server_status):
                _, text = await get(session, "/metrics")
                assert value(text, "wormhole_connections_open") == 1
                for direction in ("to_server", "to_client"):
                    assert value(text, "wormhole_connection_bytes_total", direction=direction) == SIZE
            before = (await document(tun.client_status))["proxies"][0]["totals"]
            writer.close()
            await until(lambda: nothing_open(tun.client_status))
            after = (await document(tun.client_status))["proxies"][0]["totals"]
            assert before["to_server_bytes"] == after["to_server_bytes"] == SIZE
            assert after["connections_ended"] == {"clean": 1}

    asyncio.run(scenario())


def test_a_connection_has_one_name_at_both_ends(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with tunnel(tmp_path) as tun:
            writer = await echo(tun)
            [near], [far] = [
                (await document(session))["proxies"][0]["connections"]
                for session in (tun.client_status, tun.server_status)
            ]
            assert near["id"] == far["id"]
            assert near["peer"] == far["peer"]
            assert near["state"] == far["state"] == "open"
            writer.close()

    asyncio.run(scenario())


def test_every_document_fits_the_schema(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with tunnel(tmp_path) as tun:
            writer = await echo(tun)
            for session in (tun.client_status, tun.server_status):
                jsonschema.validate(await document(session), json.loads(schema()))
            writer.close()

    asyncio.run(scenario())


def test_metrics_are_understood_in_both_formats(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with tunnel(tmp_path) as tun:
            _, text = await get(tun.server_status, "/metrics")
            _, open_text = await get(
                tun.server_status, "/metrics", Accept="application/openmetrics-text; version=1.0.0"
            )
        classic = {family.name for family in text_string_to_metric_families(text)}
        strict = {family.name for family in parse_openmetrics(open_text)}
        assert {metric.name for metric in PROXY_METRICS} <= classic & strict

    asyncio.run(scenario())


def test_metric_names_follow_the_conventions() -> None:
    for metric in PROXY_METRICS:
        assert metric.name.startswith("wormhole_")
        assert not metric.name.endswith(("_total", "_count", "_sum", "_bucket"))
        assert not any(unit in metric.name for unit in ("_ms", "_milliseconds", "_kib", "_percent"))


def test_readiness_ends_when_draining_begins(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with tunnel(tmp_path) as tun:
            writer = await echo(tun)
            assert await get(tun.server_status, "/readyz") == (200, "ready\n")
            draining = asyncio.create_task(tun.server.drain())
            await until(lambda: not_ready(tun.server_status))
            assert await get(tun.server_status, "/readyz") == (503, "not ready: draining\n")
            assert (await get(tun.server_status, "/healthz"))[0] == 200
            writer.close()
            assert await draining

    asyncio.run(scenario())


def test_a_client_proxy_without_a_link_is_alive_and_not_ready(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with tunnel(tmp_path) as tun:
            await tun.server.__aexit__(None, None, None)
            await until(lambda: not_ready(tun.client_status))
            assert await get(tun.client_status, "/readyz") == (503, "not ready: no link to a server proxy\n")
            assert (await document(tun.client_status))["unready"] == "no link to a server proxy"
            assert await get(tun.client_status, "/healthz") == (200, "alive\n")

    asyncio.run(scenario())


def test_a_token_guards_all_but_the_health_checks(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with tunnel(tmp_path, TOKEN) as tun:
            for path in (*PATHS, "/events", "/nowhere"):
                status, _ = await get(tun.client_status, path)
                assert status == (200 if path in ("/healthz", "/readyz") else 401), path
            for path in PATHS:
                assert (await get(tun.client_status, path, Authorization=f"Bearer {TOKEN}"))[0] == 200
            assert (await get(tun.client_status, "/nowhere", Authorization=f"Bearer {TOKEN}"))[0] == 404

    asyncio.run(scenario())


def test_every_answer_has_the_headers_of_a_careful_server(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with tunnel(tmp_path) as tun:
            for path in (*PATHS, "/nowhere"):
                async with tun.client_status.get(path) as response:
                    assert response.headers["Content-Security-Policy"].startswith("default-src 'none'")
                    assert response.headers["X-Content-Type-Options"] == "nosniff"
                    assert response.headers["Cache-Control"] == "no-store"
                    assert response.headers["Server"] == "wormhole"

    asyncio.run(scenario())


@pytest.mark.parametrize("number", ["-1", "x", "65537", "1e3", "²"])
def test_a_bad_number_of_connections_is_refused(tmp_path: Path, number: str) -> None:
    async def scenario() -> None:
        async with tunnel(tmp_path) as tun:
            status, text = await get(tun.client_status, f"/status.json?connections={number}")
            assert (status, text) == (400, "connections is a number up to 65536\n")

    asyncio.run(scenario())


def test_the_list_of_connections_has_the_busiest_first_and_an_end(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with tunnel(tmp_path) as tun:
            writers = [await echo(tun, size) for size in (10, 3000, 200)]
            proxy = (await document(tun.client_status, "?connections=2"))["proxies"][0]
            assert [each["to_server_bytes"] for each in proxy["connections"]] == [3000, 200]
            assert proxy["open_connections"] == 3
            for writer in writers:
                writer.close()

    asyncio.run(scenario())


def test_events_are_the_history_and_then_the_state(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with tunnel(tmp_path) as tun, tun.client_status.get("/events") as response:
            assert response.content_type == "text/event-stream"
            lines = [await response.content.readline() for _ in range(6)]
            events = [line.decode().strip().removeprefix("event: ") for line in lines if line.startswith(b"event")]
            assert events == ["history", "state"]
            state = json.loads(lines[4].removeprefix(b"data: "))
            assert state["document"]["version"] == 1
            later = [await response.content.readline() for _ in range(3)]
            assert json.loads(later[1].removeprefix(b"data: "))["sample"] is not None

    asyncio.run(scenario())


def test_the_handshakes_are_counted_by_result(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with tunnel(tmp_path) as tun:
            _, writer = await asyncio.open_unix_connection(tmp_path / "link")
            writer.write(bytes(1328))
            while True:
                _, text = await get(tun.server_status, "/metrics")
                if value(text, "wormhole_handshakes_total", result="no_key") == 1:
                    break
            writer.close()
            assert value(text, "wormhole_handshakes_total", result="ok") == 1
            recent = (await document(tun.server_status))["recent"]
            assert recent[-1]["event"] == "handshake_failed"

    asyncio.run(scenario())


def test_the_key_in_use_has_been_used_and_the_other_has_not(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with tunnel(tmp_path) as tun:
            for session in (tun.client_status, tun.server_status):
                first, second = (await document(session))["proxies"][0]["keys"]
                assert (first["name"], first["peers"], second["name"], second["peers"]) == ("berlin", 1, "lisbon", 0)
                assert first["last_used_time"] > 0
                assert second["last_used_time"] is None

    asyncio.run(scenario())
