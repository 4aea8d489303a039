"""Both proxies inside this process: connections without a local port, on both event loops."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import uvloop

from wormhole_tunnel import (
    ClientProxy,
    Key,
    Keyring,
    Mode,
    ServerProxy,
    TcpAddress,
    TunnelSettings,
    UnixAddress,
    WormholeError,
    load_keyring,
)
from wormhole_tunnel.config.keystore import create_key_file
from wormhole_tunnel.keys.keyfile import dump_key
from wormhole_tunnel.net.socket_options import reset_on_close

KEYRING = Keyring((Key("default", bytes(range(32))),))
ANY_PORT = TcpAddress("127.0.0.1", 0)
NOBODY = TcpAddress("127.0.0.1", 1)
SOON = 20.0  # seconds
BULK = os.urandom(8_000_000)
MORE_THAN_BUFFERS = 64 << 20  # bytes: the kernel takes some, and so does every window on the way

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Callable[[Callable[[], Awaitable[None]]], None]:
    """Runs a scenario on one of the event loops."""

    def run_scenario(scenario: Callable[[], Awaitable[None]]) -> None:
        async def in_time() -> None:
            async with asyncio.timeout(SOON):
                await scenario()

        factory = uvloop.new_event_loop if request.param == "uvloop" else asyncio.new_event_loop
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(in_time())

    return run_scenario


RunScenario = Callable[[Callable[[], Awaitable[None]]], None]


def client_settings(server: ServerProxy, connect_timeout: float = 0.0) -> TunnelSettings:
    return TunnelSettings(listen=(), connect=tuple(server.addresses), connect_timeout=connect_timeout)


@asynccontextmanager
async def tunnel(handler: Handler) -> AsyncIterator[ClientProxy]:
    """A client proxy that is ready to carry connections to a server with that handler."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await handler(reader, writer)
        finally:
            writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listening:
        target = TcpAddress("127.0.0.1", listening.sockets[0].getsockname()[1])
        async with (
            ServerProxy(TunnelSettings(mode=Mode.SERVER, listen=(ANY_PORT,), connect=(target,)), KEYRING) as server,
            ClientProxy(client_settings(server), KEYRING) as client,
        ):
            await client.wait_ready(SOON)
            yield client


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(1 << 16):
        writer.write(data)
        await writer.drain()


def test_bulk_both_ways_and_half_close(run: RunScenario) -> None:
    async def scenario() -> None:
        async with tunnel(echo) as client:
            reader, writer = await client.open_connection()
            assert isinstance(reader, asyncio.StreamReader)
            writer.write(BULK)
            writer.write_eof()
            assert await reader.read() == BULK
            writer.close()
            await writer.wait_closed()

    run(scenario)


def test_the_server_may_speak_first_and_end_first(run: RunScenario) -> None:
    async def scenario() -> None:
        heard: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

        async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"ready\n")
            writer.write_eof()
            heard.set_result(await reader.read())

        async with tunnel(greet) as client:
            reader, writer = await client.open_connection()
            assert await reader.read() == b"ready\n"
            writer.write(b"thanks")
            writer.close()
            await writer.wait_closed()
            assert await heard == b"thanks"

    run(scenario)


def test_a_server_that_stops_reading_stops_the_writer(run: RunScenario) -> None:
    async def scenario() -> None:
        go_on = asyncio.Event()

        async def patient(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await go_on.wait()
            writer.write(b"%d" % len(await reader.read()))

        async with tunnel(patient) as client:
            reader, writer = await client.open_connection()
            writer.write(bytes(MORE_THAN_BUFFERS))
            drained = asyncio.ensure_future(writer.drain())
            assert not (await asyncio.wait([drained], timeout=0.2))[0]
            go_on.set()
            await drained
            writer.write_eof()
            assert await reader.read() == b"%d" % MORE_THAN_BUFFERS
            writer.close()

    run(scenario)


def test_a_servers_reset_is_an_error_for_reader_and_writer(run: RunScenario) -> None:
    async def slam(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        reset_on_close(writer.get_extra_info("socket"))
        writer.transport.abort()

    async def scenario() -> None:
        async with tunnel(slam) as client:
            reader, writer = await client.open_connection()
            writer.write(bytes(1000))
            with pytest.raises(ConnectionResetError):
                await reader.read()
            with pytest.raises(ConnectionResetError):
                await writer.drain()

    run(scenario)


def test_an_abort_is_a_reset_for_the_server(run: RunScenario) -> None:
    async def scenario() -> None:
        outcome: asyncio.Future[bytes | OSError] = asyncio.get_running_loop().create_future()

        async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(await reader.readexactly(5))
            try:
                outcome.set_result(await reader.read())
            except OSError as error:
                outcome.set_result(error)

        async with tunnel(listen) as client:
            reader, writer = await client.open_connection()
            writer.write(b"hello")
            assert await reader.readexactly(5) == b"hello"
            writer.transport.abort()
            assert isinstance(await outcome, ConnectionResetError)

    run(scenario)


def test_a_server_that_is_not_there_refuses(run: RunScenario) -> None:
    async def scenario() -> None:
        settings = TunnelSettings(mode=Mode.SERVER, listen=(ANY_PORT,), connect=(NOBODY,))
        async with ServerProxy(settings, KEYRING) as server, ClientProxy(client_settings(server), KEYRING) as client:
            with pytest.raises(ConnectionRefusedError, match="the server refused"):
                await client.open_connection()

    run(scenario)


def test_without_a_server_proxy_everything_waits_its_time(run: RunScenario) -> None:
    async def scenario() -> None:
        settings = TunnelSettings(listen=(), connect=(NOBODY,), connect_timeout=0.05)
        async with ClientProxy(settings, KEYRING) as client:
            assert not client.ready
            with pytest.raises(TimeoutError):
                await client.open_connection()
            with pytest.raises(TimeoutError):
                await client.wait_ready(0.05)

    run(scenario)


def test_who_gives_up_waiting_leaves_nothing_behind(run: RunScenario) -> None:
    async def scenario() -> None:
        async with ClientProxy(TunnelSettings(listen=(), connect=(NOBODY,)), KEYRING) as client:
            waiting = asyncio.ensure_future(client.open_connection())
            await asyncio.wait([waiting], timeout=0.05)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting

    run(scenario)


def test_the_end_of_the_proxy_is_the_end_of_its_connections(run: RunScenario) -> None:
    async def scenario() -> None:
        async with tunnel(echo) as client:
            reader, _ = await client.open_connection()
        with pytest.raises(ConnectionResetError):
            await reader.read()

    run(scenario)


def test_the_limit_on_connections_holds(run: RunScenario) -> None:
    async def scenario() -> None:
        settings = TunnelSettings(mode=Mode.SERVER, listen=(ANY_PORT,), connect=(NOBODY,))
        async with ServerProxy(settings, KEYRING) as server:
            few = TunnelSettings(listen=(), connect=tuple(server.addresses), max_connections=1)
            async with ClientProxy(few, KEYRING) as client:
                first = asyncio.ensure_future(client.open_connection())
                await asyncio.sleep(0)
                with pytest.raises(ConnectionAbortedError, match="max-connections"):
                    await client.open_connection()
                with pytest.raises(ConnectionRefusedError):
                    await first

    run(scenario)


def test_a_listener_that_fails_closes_those_before_it(tmp_path: Path) -> None:
    path = tmp_path / "clients"
    taken = UnixAddress(str(tmp_path / "taken" / "nowhere"))

    async def scenario() -> None:
        settings = TunnelSettings(listen=(UnixAddress(str(path)), taken), connect=(NOBODY,))
        with pytest.raises(WormholeError):
            async with ClientProxy(settings, KEYRING):
                pass
        assert not path.exists()

    asyncio.run(scenario())


def test_a_unix_socket_has_the_mode_that_was_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "clients"

    async def scenario() -> None:
        settings = TunnelSettings(listen=(UnixAddress(str(path)),), connect=(NOBODY,), socket_mode=0o660)
        async with ClientProxy(settings, KEYRING):
            assert path.stat().st_mode & 0o777 == 0o660

    asyncio.run(scenario())


def test_settings_of_the_other_end_are_refused() -> None:
    with pytest.raises(WormholeError, match=r"Mode\.SERVER"):
        ServerProxy(TunnelSettings(), KEYRING)
    with pytest.raises(WormholeError, match=r"Mode\.CLIENT"):
        ClientProxy(TunnelSettings(mode=Mode.SERVER), KEYRING)


def test_a_key_file_loads_and_one_that_others_can_read_is_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "key.yaml"
    create_key_file(str(path), dump_key(bytes(range(32))))
    assert load_keyring(path).first.secret == bytes(range(32))
    assert not caplog.records
    path.chmod(0o644)
    load_keyring(path)
    assert "chmod 600" in caplog.text
