"""A link that has lived long enough is replaced by one with fresh keys, while it carries data."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from wormhole_tunnel import ClientProxy, Key, Keyring, Mode, ServerProxy, TunnelSettings, UnixAddress, limits

KEYRING = Keyring((Key("default", bytes(range(32))),))
AGE = 0.05  # seconds
SOON = 20.0  # seconds


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(1 << 16):
        writer.write(data)
        await writer.drain()
    writer.close()


async def talk_until_renewed(folder: Path, times: int, resume_timeout: float) -> int:
    """Exchange messages until the link was replaced so often; returns how many there were."""
    link, server = UnixAddress(str(folder / "link")), UnixAddress(str(folder / "server"))
    behind = TunnelSettings(mode=Mode.SERVER, listen=(link,), connect=(server,))
    before = TunnelSettings(listen=(), connect=(link,), resume_timeout=resume_timeout)
    async with (
        asyncio.timeout(SOON),
        await asyncio.start_unix_server(echo, server.path),
        ServerProxy(behind, KEYRING),
        ClientProxy(before, KEYRING) as client,
    ):
        reader, writer = await client.open_connection()
        messages = 0
        while client.snapshot().peers[0].resumptions < times and messages < 1000 * (times + 1):
            message = b"%d" % messages * 1000
            writer.write(message)
            assert await reader.readexactly(len(message)) == message
            messages += 1
        writer.close()
        await writer.wait_closed()
        return messages


def test_keys_are_renewed_and_nobody_notices(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(limits, "LINK_MAX_AGE", AGE)
    with caplog.at_level("INFO"):
        assert asyncio.run(talk_until_renewed(tmp_path, 3, limits.RESUME_TIMEOUT)) > 3
    assert caplog.text.count("it is time for fresh keys") >= 3
    assert "lost" not in caplog.text


def test_without_resumption_a_link_is_kept_however_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(limits, "LINK_MAX_AGE", AGE)
    with caplog.at_level("INFO"):
        assert asyncio.run(talk_until_renewed(tmp_path, 1, 0)) == 2000
    assert "resumed" not in caplog.text
    assert "lost" not in caplog.text
