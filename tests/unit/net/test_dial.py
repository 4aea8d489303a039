from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from wormhole_tunnel.net.addresses import Address, TcpAddress, UnixAddress
from wormhole_tunnel.net.connect import is_self_connected
from wormhole_tunnel.net.dial import Dialer, DialError, DialReason, interleave
from wormhole_tunnel.net.resolver import Endpoint, LookUpError, Resolver
from wormhole_tunnel.net.tasks import Tasks

LONG = 60.0  # seconds: never reached
LOOPBACKS = [Endpoint(socket.AF_INET6, ("::1", 0, 0, 0)), Endpoint(socket.AF_INET, ("127.0.0.1", 0))]


class World:
    """A dialer whose only names are those given here, and the sockets of a test."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        self.stack = stack
        self.names: dict[str, list[Endpoint]] = {}
        self.tasks = Tasks()
        self.dialer = Dialer(Resolver(self.look_up), self.tasks)

    def look_up(self, host: str) -> list[Endpoint]:
        if host not in self.names:
            raise LookUpError(f"{host} is unknown")
        return self.names[host]

    def socket(self, family: socket.AddressFamily = socket.AF_INET) -> socket.socket:
        return self.stack.enter_context(socket.socket(family))

    def server(self, host: str = "127.0.0.1", port: int = 0) -> TcpAddress:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        sock = self.stack.enter_context(socket.create_server((host, port), family=family))
        return TcpAddress(host, sock.getsockname()[1])

    def refusing(self) -> TcpAddress:
        """A port that is taken, so that no other test listens there, and not listened on."""
        sock = self.socket()
        sock.bind(("127.0.0.1", 0))
        return TcpAddress("127.0.0.1", sock.getsockname()[1])

    def silent(self, host: str, port: int = 0) -> TcpAddress:
        """A port that answers no SYN, since its backlog is full."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = self.socket(family)
        listening.bind((host, port))
        listening.listen(0)
        for _ in range(2):
            client = self.socket(family)
            client.settimeout(0)
            client.connect_ex(listening.getsockname())
        return TcpAddress(host, listening.getsockname()[1])

    async def reason(self, address: Address, time_limit: float = LONG) -> tuple[DialReason, str]:
        with pytest.raises(DialError) as caught:
            await self.dialer.dial(address, time_limit)
        return caught.value.reason, str(caught.value)


@pytest.fixture
def world() -> Iterator[World]:
    with contextlib.ExitStack() as stack:
        yield World(stack)


def test_a_connection_has_its_options(runner: asyncio.Runner, world: World) -> None:
    address = world.server()
    with runner.run(world.dialer.dial(address, LONG)) as sock:
        assert sock.getpeername() == ("127.0.0.1", address.port)
        assert sock.gettimeout() == 0
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)


def test_ipv6(runner: asyncio.Runner, world: World) -> None:
    address = world.server("::1")
    with runner.run(world.dialer.dial(address, LONG)) as sock:
        assert sock.getpeername()[:2] == ("::1", address.port)


def test_a_unix_socket(runner: asyncio.Runner, world: World, tmp_path: Path) -> None:
    listening = world.socket(socket.AF_UNIX)
    listening.bind(str(tmp_path / "a"))
    listening.listen()
    with runner.run(world.dialer.dial(UnixAddress(str(tmp_path / "a")), LONG)) as sock:
        assert sock.getpeername() == str(tmp_path / "a")


def test_a_unix_socket_with_a_full_backlog_is_waited_for(runner: asyncio.Runner, world: World, tmp_path: Path) -> None:
    listening = world.socket(socket.AF_UNIX)
    listening.bind(str(tmp_path / "a"))
    listening.listen(0)
    address = UnixAddress(str(tmp_path / "a"))

    async def scenario() -> None:
        with await world.dialer.dial(address, LONG):
            assert (await world.reason(address, 0.05))[0] is DialReason.TIMEOUT
            waiting = asyncio.ensure_future(world.dialer.dial(address, LONG))
            await asyncio.sleep(0)
            listening.accept()[0].close()
            (await waiting).close()

    runner.run(scenario())


def test_refusals(runner: asyncio.Runner, world: World, tmp_path: Path) -> None:
    async def scenario() -> None:
        refusing = world.refusing()
        assert await world.reason(refusing) == (DialReason.REFUSED, f"{refusing}: Connection refused")
        assert (await world.reason(UnixAddress(str(tmp_path / "none"))))[0] is DialReason.REFUSED
        assert (await world.reason(TcpAddress("unknown", 1))) == (DialReason.NAME, "unknown is unknown")

    runner.run(scenario())


def test_silence_is_a_timeout(runner: asyncio.Runner, world: World) -> None:
    silent = world.silent("127.0.0.1")
    expected = (DialReason.TIMEOUT, f"{silent}: no answer within 0.05 s")
    assert runner.run(world.reason(silent, 0.05)) == expected


def test_a_silent_name_server_is_a_timeout(runner: asyncio.Runner, world: World) -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[None] = loop.create_future()

        def never(host: str) -> list[Endpoint]:
            asyncio.run_coroutine_threadsafe(asyncio.wait_for(answer, None), loop).result()
            raise LookUpError(host)

        world.dialer = Dialer(Resolver(never), world.tasks)
        assert (await world.reason(TcpAddress("slow", 1), 0.05))[0] is DialReason.TIMEOUT
        answer.set_result(None)
        await world.tasks.close()

    runner.run(scenario())


def test_the_next_address_follows_a_refusal_at_once(runner: asyncio.Runner, world: World) -> None:
    good = world.server("127.0.0.1")
    world.names["name"] = LOOPBACKS

    dialer = Dialer(Resolver(world.look_up), world.tasks, attempt_delay=2 * LONG)
    runner.run(dialer.dial(TcpAddress("name", good.port), LONG)).close()


def test_the_next_address_follows_silence_and_the_first_to_answer_wins(runner: asyncio.Runner, world: World) -> None:
    silent = world.silent("::1")
    world.server("127.0.0.1", silent.port)
    world.names["name"] = LOOPBACKS

    async def scenario() -> None:
        with await world.dialer.dial(TcpAddress("name", silent.port), LONG) as sock:
            assert sock.getpeername()[0] == "127.0.0.1"

    runner.run(scenario())


def test_if_all_fail_the_most_telling_reason_is_given(runner: asyncio.Runner, world: World) -> None:
    refusing = world.refusing()
    no_route = Endpoint(socket.AF_INET, ("255.255.255.255", 0))  # EACCES or ENETUNREACH, never sent
    world.names["name"] = [no_route, Endpoint(socket.AF_INET, ("127.0.0.1", 0))]
    reason, text = runner.run(world.reason(TcpAddress("name", refusing.port)))
    assert reason is DialReason.REFUSED
    assert text == f"name:{refusing.port}: Connection refused (tried 2 addresses)"


def test_a_callback_never_comes_before_the_call_returns(runner: asyncio.Runner, world: World) -> None:
    async def scenario() -> None:
        for address in (world.server(), world.refusing(), UnixAddress("/nonexistent"), TcpAddress("unknown", 1)):
            result: asyncio.Future[socket.socket | DialError] = asyncio.get_running_loop().create_future()
            world.dialer.dial_soon(address, LONG, result.set_result)
            assert not result.done()
            outcome = await result
            if isinstance(outcome, socket.socket):
                outcome.close()

    runner.run(scenario())


@pytest.mark.parametrize("turns", range(4))
def test_a_cancelled_dial_calls_nobody_and_leaves_no_socket(runner: asyncio.Runner, world: World, turns: int) -> None:
    """At whatever point it is cancelled; the fixture finds sockets that were left open."""
    world.names["name"] = [Endpoint(socket.AF_INET, ("127.0.0.1", 0))]
    called: list[object] = []

    async def scenario() -> None:
        server, refusing = world.server(), world.refusing()
        targets: list[Callable[[], Address]] = [
            lambda: server,
            lambda: refusing,
            lambda: UnixAddress("/nonexistent"),
            lambda: TcpAddress("name", server.port),
            lambda: TcpAddress("unknown", 1),
        ]
        for target in targets:
            task = asyncio.ensure_future(world.dialer.dial(target(), LONG))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, DialError):
                (await task).close()
            world.dialer.dial_soon(target(), LONG, called.append).cancel()
        await world.tasks.close()

    runner.run(scenario())
    assert called == []


def test_families_take_turns() -> None:
    six = [Endpoint(socket.AF_INET6, (f"::{number}", 0, 0, 0)) for number in (1, 2, 3)]
    four = [Endpoint(socket.AF_INET, (f"10.0.0.{number}", 0)) for number in (1, 2)]
    assert interleave([*six, *four]) == [six[0], four[0], six[1], four[1], six[2]]
    assert interleave([four[0], *six]) == [four[0], *six]
    assert interleave(four) == four


def test_a_socket_that_is_its_own_peer_is_recognised(world: World) -> None:
    narcissus, other = world.socket(), world.socket()
    narcissus.bind(("127.0.0.1", 0))
    narcissus.connect(narcissus.getsockname())
    other.connect(("127.0.0.1", world.server().port))
    assert is_self_connected(narcissus)
    assert not is_self_connected(other)
