"""Both legacy proxies over real sockets: with each other, and each with a peer that is the tests' own implementation."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from tests.unit.legacy.peer import Receiver, Sender
from tests.unit.legacy.sockets import End, connected, listening, run, skip
from wormhole_tunnel.config.settings import Mode, Transport, TunnelSettings
from wormhole_tunnel.errors import ListenError
from wormhole_tunnel.keys.keyring import Key, Keyring
from wormhole_tunnel.net.addresses import Address, TcpAddress
from wormhole_tunnel.proxy.legacy import LegacyClientProxy, LegacyServerProxy

SECRET = bytes(range(1, 33))
KEYRING = Keyring((Key("default", SECRET),))
HEADER = bytes(range(60, 84))
ANY_PORT = TcpAddress("127.0.0.1", 0)
BULK = random.Random(1).randbytes(3_000_001)


def settings(mode: Mode, connect: Address, max_connections: int = 100) -> TunnelSettings:
    return TunnelSettings(
        mode=mode,
        listen=(ANY_PORT,),
        connect=(connect,),
        transport=Transport.LEGACY,
        drain_timeout=0.0,
        max_connections=max_connections,
    )


def client_proxy(connect: Address) -> LegacyClientProxy:
    return LegacyClientProxy(settings(Mode.CLIENT, connect), KEYRING)


def server_proxy(connect: Address, max_connections: int = 100) -> LegacyServerProxy:
    return LegacyServerProxy(settings(Mode.SERVER, connect, max_connections), KEYRING)


@asynccontextmanager
async def tunnel() -> AsyncIterator[tuple[End, End]]:
    """A client and the server it reached, through both proxies."""
    async with (
        listening() as server,
        server_proxy(server.address) as far,
        client_proxy(far.addresses[0]) as near,
        connected(near.addresses[0]) as client,
    ):
        yield client, await server.accept()


@asynccontextmanager
async def between_client_and_link() -> AsyncIterator[tuple[End, End]]:
    """A client and the link, whose server proxy is played by the test."""
    async with listening() as peer, client_proxy(peer.address) as proxy, connected(proxy.addresses[0]) as client:
        yield client, await peer.accept()


@asynccontextmanager
async def between_link_and_server() -> AsyncIterator[tuple[End, End]]:
    """The link, whose client proxy is played by the test, and the server."""
    async with listening() as server, server_proxy(server.address) as proxy, connected(proxy.addresses[0]) as link:
        yield link, await server.accept()


async def closed_address() -> Address:
    """One where nobody listens."""
    async with listening() as server:
        return server.address


class TestPair:
    def test_bulk_both_ways_at_once(self) -> None:
        async def scenario() -> tuple[bytes, bytes]:
            async with tunnel() as (client, server):
                received = await asyncio.gather(
                    client.receive(len(BULK)), server.receive(len(BULK)), client.send(BULK), server.send(BULK[::-1])
                )
                return received[0], received[1]

        assert run(scenario()) == (BULK[::-1], BULK)

    def test_the_server_may_speak_first(self) -> None:
        async def scenario() -> bytes:
            async with tunnel() as (client, server):
                await server.send(b"220 ready\r\n")
                return await client.receive(11)

        assert run(scenario()) == b"220 ready\r\n"

    def test_an_end_arrives_after_all_before_it(self) -> None:
        async def scenario() -> bytes:
            async with tunnel() as (client, server):
                await client.send(BULK[:200_000])
                client.close()
                return await server.receive_all()

        assert run(scenario()) == BULK[:200_000]

    def test_an_answer_may_follow_the_clients_end(self) -> None:
        async def scenario() -> tuple[bytes, bytes]:
            async with tunnel() as (client, server):
                await client.send(b"question")
                client.shut_down()
                question = await server.receive_all()
                await server.send(BULK)
                server.close()
                return question, await client.receive_all()

        assert run(scenario()) == (b"question", BULK)

    @pytest.mark.parametrize("side", ["client", "server"])
    def test_a_reset_stays_a_reset(self, side: str) -> None:
        async def scenario() -> bool:
            async with tunnel() as (client, server):
                await client.send(b"x")
                await server.receive(1)
                resetting, other = (client, server) if side == "client" else (server, client)
                resetting.reset()
                return await other.is_reset()

        assert run(scenario())

    def test_a_server_that_refuses_resets_the_client(self) -> None:
        async def scenario() -> bool:
            address = await closed_address()
            async with (
                server_proxy(address) as far,
                client_proxy(far.addresses[0]) as near,
                connected(near.addresses[0]) as client,
            ):
                return await client.is_reset()

        assert run(scenario())

    def test_the_next_address_is_tried(self) -> None:
        async def scenario() -> bytes:
            async with listening() as server, server_proxy(server.address) as far:
                both = (await closed_address(), far.addresses[0])
                near = LegacyClientProxy(replace(settings(Mode.CLIENT, both[0]), connect=both), KEYRING)
                async with near, connected(near.addresses[0]) as client:
                    await client.send(b"hello")
                    return await (await server.accept()).receive(5)

        assert run(scenario()) == b"hello"


class TestClientProxy:
    def test_the_header_is_sent_at_once(self) -> None:
        async def scenario() -> bytes:
            async with between_client_and_link() as (_, link):
                return await link.receive(24)

        assert len(run(scenario())) == 24

    def test_it_speaks_the_transport(self) -> None:
        async def scenario() -> tuple[bytes, bytes]:
            async with between_client_and_link() as (client, link):
                sender, receiver = Sender(SECRET, HEADER), Receiver(SECRET)
                await client.send(b"ping")
                request = receiver.feed(await link.receive(24 + 273))
                await link.send(sender.header + sender.message(b"po") + sender.message(b"ng"))
                return request, await client.receive(4)

        assert run(scenario()) == (b"ping", b"pong")

    def test_the_answer_of_an_original_that_closes_at_an_end_is_not_lost(self) -> None:
        async def scenario() -> tuple[bytes, bytes]:
            async with between_client_and_link() as (client, link):
                sender, receiver = Sender(SECRET, HEADER), Receiver(SECRET)
                await client.send(b"ping")
                client.shut_down()
                request = receiver.feed(await link.receive(24 + 273))
                await link.send(sender.header + sender.message(b"pong"))
                assert await link.receive_all() == b""  # the original closes as soon as it sees this
                link.close()
                return request, await client.receive_all()

        assert run(scenario()) == (b"ping", b"pong")

    def test_a_link_that_is_cut_inside_a_message_resets_the_client(self) -> None:
        async def scenario() -> tuple[bytes, bool]:
            async with between_client_and_link() as (client, link):
                sender = Sender(SECRET, HEADER)
                await link.send(sender.header + sender.message(b"whole") + sender.message(b"cut")[:-1])
                whole = await client.receive(5)
                link.close()
                return whole, await client.is_reset()

        assert run(scenario()) == (b"whole", True)

    def test_a_link_that_closes_without_a_header_resets_the_client(self) -> None:
        async def scenario() -> bool:
            async with between_client_and_link() as (client, link):
                link.close()
                return await client.is_reset()

        assert run(scenario())

    def test_its_own_stream_reflected_resets_both(self) -> None:
        async def scenario() -> tuple[bool, bool]:
            async with between_client_and_link() as (client, link):
                await client.send(b"mirror")
                await link.send(await link.receive(24 + 273))
                return await client.is_reset(), await link.is_reset()

        assert run(scenario()) == (True, True)


class TestServerProxy:
    def test_its_header_waits_for_the_server(self) -> None:
        async def scenario() -> bool:
            address = await closed_address()
            async with server_proxy(address) as proxy, connected(proxy.addresses[0]) as link:
                return await link.is_reset()  # and not a byte before it: is_reset would have read a header, and an end

        assert run(scenario())

    def test_it_speaks_the_transport(self) -> None:
        async def scenario() -> tuple[bytes, bytes]:
            async with between_link_and_server() as (link, server):
                sender, receiver = Sender(SECRET, HEADER), Receiver(SECRET)
                assert receiver.feed(await link.receive(24)) == b""
                await link.send(sender.header + sender.message(b"ping"))
                request = await server.receive(4)
                await server.send(b"pong")
                return request, receiver.feed(await link.receive(273))

        assert run(scenario()) == (b"ping", b"pong")

    def test_an_original_that_closes_both_ways_loses_nothing_it_sent(self) -> None:
        """It closes with our answers unread, so a reset follows its end; and the server goes on."""

        async def scenario() -> bytes:
            async with between_link_and_server() as (link, server):
                sender = Sender(SECRET, HEADER)
                await link.receive(24)
                await server.send(b"an answer that nobody reads")
                await skip(0.0)
                await link.send(sender.header + sender.bulk(BULK[:40_000]))
                link.shut_down()
                link.close()
                await server.send(b"another")
                return await server.receive_all()

        assert run(scenario()) == BULK[:40_000]

    def test_a_changed_message_reaches_nobody(self) -> None:
        async def scenario() -> tuple[bytes, bool]:
            async with between_link_and_server() as (link, server):
                sender = Sender(SECRET, HEADER)
                changed = bytearray(sender.message(b"rm -rf"))
                changed[3] ^= 4
                await link.send(sender.header + bytes(changed))
                reset = await link.is_reset()
                received = bytearray()
                with pytest.raises(ConnectionResetError):
                    received += await server.receive_all()
                return bytes(received), reset

        assert run(scenario()) == (b"", True)

    def test_a_replayed_stream_reaches_nobody(self) -> None:
        async def scenario() -> tuple[bytes, bool]:
            sender = Sender(SECRET, HEADER)
            recorded = sender.header + sender.message(b"pay 10")
            async with listening() as server, server_proxy(server.address) as proxy:
                async with connected(proxy.addresses[0]) as link:
                    await link.send(recorded)
                    first = await (await server.accept()).receive(6)
                async with connected(proxy.addresses[0]) as link:
                    await link.send(recorded)
                    return first, await (await server.accept()).is_reset()

        assert run(scenario()) == (b"pay 10", True)

    def test_what_the_server_said_can_not_be_played_back_to_it(self) -> None:
        async def scenario() -> bool:
            async with listening() as server, server_proxy(server.address) as proxy:
                async with connected(proxy.addresses[0]) as link:
                    await (await server.accept()).send(b"220 ready\r\n")
                    recorded = await link.receive(24 + 273)
                async with connected(proxy.addresses[0]) as link:
                    await link.send(recorded)
                    return await (await server.accept()).is_reset()

        assert run(scenario())


class TestLifecycle:
    def test_a_port_in_use_is_one_error(self) -> None:
        async def scenario() -> None:
            async with listening() as server:
                taken = replace(settings(Mode.CLIENT, ANY_PORT), listen=(server.address,))
                async with LegacyClientProxy(taken, KEYRING):
                    pass

        with pytest.raises(ListenError, match="in use"):
            run(scenario())

    def test_what_is_weaker_is_said_once(self, caplog: pytest.LogCaptureFixture) -> None:
        async def scenario() -> None:
            async with tunnel() as (client, server):
                await client.send(b"x")
                await server.receive(1)

        caplog.set_level(logging.WARNING, "wormhole")
        run(scenario())
        assert [record.getMessage().count("no forward secrecy") for record in caplog.records] == [1, 1]  # two proxies

    def test_both_logs_call_a_connection_the_same(self, caplog: pytest.LogCaptureFixture) -> None:
        async def scenario() -> None:
            async with tunnel() as (client, server):
                await client.send(b"x")
                await server.receive(1)

        caplog.set_level(logging.INFO, "wormhole")
        run(scenario())
        events: list[dict[str, Any]] = [vars(record) for record in caplog.records]
        for kind in ("connection_opened", "connection_closed"):
            names = [each["fields"]["connection"] for each in events if each["event"] == kind]
            assert len(names) == 2
            assert len(set(names)) == 1
            assert names[0]

    def test_draining_lets_connections_end(self) -> None:
        async def scenario() -> bytes:
            async with listening() as server:
                patient = replace(settings(Mode.SERVER, server.address), drain_timeout=60.0)
                async with LegacyServerProxy(patient, KEYRING) as proxy, connected(proxy.addresses[0]) as link:
                    upstream = await server.accept()
                    sender, receiver = Sender(SECRET, HEADER), Receiver(SECRET)
                    receiver.feed(await link.receive(24))
                    draining = asyncio.create_task(proxy.drain())
                    await link.send(sender.header + sender.message(b"last"))
                    link.shut_down()
                    last = await upstream.receive_all()
                    upstream.close()
                    assert await draining
                    return last

        assert run(scenario()) == b"last"

    def test_what_does_not_end_is_reset_at_the_end(self) -> None:
        async def scenario() -> tuple[bool, bool]:
            async with listening() as peer, AsyncExitStack() as stack:
                proxy = await stack.enter_async_context(client_proxy(peer.address))
                async with connected(proxy.addresses[0]) as client:
                    link = await peer.accept()
                    assert not await proxy.drain()
                    await stack.aclose()
                    return await client.is_reset(), await link.is_reset()

        assert run(scenario()) == (True, True)

    def test_a_connection_beyond_the_limit_is_refused_and_the_next_one_is_not(self) -> None:
        async def scenario() -> tuple[bool, bytes]:
            async with (
                listening() as server,
                server_proxy(server.address, max_connections=1) as proxy,
                connected(proxy.addresses[0]) as first,
            ):
                upstream = await server.accept()
                assert len(await first.receive(24)) == 24
                async with connected(proxy.addresses[0]) as second:
                    refused = await second.is_reset()
                first.reset()
                assert await upstream.is_reset()
                async with connected(proxy.addresses[0]) as third:
                    return refused, await third.receive(24)

        refused, header = run(scenario())
        assert refused
        assert len(header) == 24
