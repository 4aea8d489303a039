"""LegacyPipe on socket pairs: back-pressure, and what happens once one direction has ended."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from tests.unit.legacy.peer import Receiver, Sender
from tests.unit.legacy.sockets import End, run, skip
from wormhole_tunnel.legacy.link import LegacyLink
from wormhole_tunnel.legacy.seen import SeenHeaders
from wormhole_tunnel.net.legacy_link import BUFFER_SIZE, LegacyPipe, Patience, PipeEnd, PipeNames

KEY = bytes(range(32))
HEADER = bytes(range(24))
THEIRS = bytes(range(70, 94))
CHUNK = bytes(65_536)


def tcp_pair() -> tuple[socket.socket, socket.socket]:
    """As `socket.socketpair`, but with resets."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        far = socket.create_connection(listening.getsockname())
        return far, listening.accept()[0]


class Joined:
    """A pipe, and the far ends of its two socket pairs."""

    def __init__(self, patience: Patience, pair: Callable[[], tuple[socket.socket, socket.socket]]) -> None:
        self.ended: asyncio.Future[PipeEnd] = asyncio.get_running_loop().create_future()
        local, near_local = pair()
        link, near_link = pair()
        for near in (near_local, near_link):
            near.settimeout(0)
        self.local, self.link = End(local), End(link)
        self.pipe = LegacyPipe(
            LegacyLink(KEY, SeenHeaders(), HEADER),
            sockets=(near_local, near_link),
            buffer=memoryview(bytearray(BUFFER_SIZE)),
            names=PipeNames("local", "link"),
            patience=patience,
            on_header=lambda _: None,
            on_end=self.ended.set_result,
        )
        self.pipe.start()


@contextmanager
def joined(
    patience: Patience, pair: Callable[[], tuple[socket.socket, socket.socket]] = socket.socketpair
) -> Iterator[Joined]:
    both = Joined(patience, pair)
    try:
        yield both
    finally:
        both.pipe.abort("the test is over")
        both.local.close()
        both.link.close()


async def stuff(end: End) -> int:
    """Send until nothing more is taken, however often the event loop turns; the number of bytes."""
    sent, idle_turns = 0, 0
    while idle_turns < 20:
        try:
            sent += end.socket.send(CHUNK)
            idle_turns = 0
        except BlockingIOError:
            idle_turns += 1
        await asyncio.sleep(0)
    return sent


def test_outbound_a_full_link_stops_the_reading() -> None:
    async def scenario() -> None:
        with joined(Patience(0.0)) as both:
            sent = await stuff(both.local)
            assert sent < 4_000_000  # what four socket buffers hold
            receiver, received = Receiver(KEY), 0
            receiver.feed(await both.link.receive(24))
            while received < sent:
                received += len(receiver.feed(await both.link.receive(273)))
            assert received == sent

    run(scenario())


def test_inbound_a_full_local_socket_stops_the_reading() -> None:
    async def scenario() -> None:
        with joined(Patience(0.0)) as both:
            sender = Sender(KEY, THEIRS)
            wire = memoryview(sender.header + sender.bulk(bytes(3_000_000)))
            sent, idle_turns = 0, 0
            while idle_turns < 20 and sent < len(wire):
                try:
                    sent += both.link.socket.send(wire[sent : sent + 65_536])
                    idle_turns = 0
                except BlockingIOError:
                    idle_turns += 1
                await asyncio.sleep(0)
            assert sent < len(wire)
            sending = asyncio.create_task(both.link.send(bytes(wire[sent:])))
            assert await both.local.receive(3_000_000) == bytes(3_000_000)
            await sending

    run(scenario())


def test_silence_after_an_end_is_given_up() -> None:
    async def scenario() -> PipeEnd:
        with joined(Patience(0.0, linger=5.0)) as both:
            both.local.shut_down()
            await skip(0.0)
            await skip(4.9)
            assert not both.ended.done()
            await skip(0.2)
            return await both.ended

    end = run(scenario())
    assert end.closed_by == "local"
    assert end.error == "silent for 5 s after one direction had ended, and the transport has no half-close"


def test_movement_after_an_end_is_not_given_up() -> None:
    async def scenario() -> bytes:
        with joined(Patience(0.0, linger=5.0)) as both:
            sender, received = Sender(KEY, THEIRS), b""
            both.local.shut_down()
            await both.link.send(sender.header)
            for _ in range(5):
                await skip(4.0)
                await both.link.send(sender.message(b"still here "))
                received += await both.local.receive(11)
            return received

    assert run(scenario()) == b"still here " * 5


def test_a_slow_reader_after_an_end_is_not_given_up() -> None:
    async def scenario() -> None:
        with joined(Patience(0.0, linger=5.0)) as both:
            both.local.shut_down()
            sender = Sender(KEY, THEIRS)
            sending = asyncio.create_task(both.link.send(sender.header + sender.bulk(bytes(2_000_000))))
            for _ in range(10):
                await skip(60.0)
            assert not both.ended.done()
            assert await both.local.receive(2_000_000) == bytes(2_000_000)
            await sending

    run(scenario())


def test_a_clean_end_of_both_directions() -> None:
    async def scenario() -> PipeEnd:
        with joined(Patience(0.0)) as both:
            sender = Sender(KEY, THEIRS)
            await both.link.send(sender.header + sender.message(b"from the link"))
            both.link.shut_down()
            assert await both.local.receive_all() == b"from the link"
            await both.local.send(b"from here")
            both.local.close()
            assert Receiver(KEY).feed(await both.link.receive_all()) == b"from here"
            return await both.ended

    end = run(scenario())
    assert (end.closed_by, end.error, end.by_protocol) == ("link", "", False)
    assert (end.bytes_sent, end.bytes_received) == (9, 13)


def test_a_reset_found_while_writing_is_no_clean_end() -> None:
    """The write takes the error from the socket, and the read after it says EOF."""

    async def scenario() -> tuple[PipeEnd, bool]:
        with joined(Patience(0.0), tcp_pair) as both:
            sender = Sender(KEY, THEIRS)
            await both.link.send(sender.header)
            await skip(0.0)
            await both.link.send(sender.message(b"written before the reset is read"))
            both.local.reset()
            return await both.ended, await both.link.is_reset()

    end, link_is_reset = run(scenario())
    assert (end.closed_by, end.error, end.by_protocol) == ("local", "Connection reset by peer", False)
    assert link_is_reset


async def end_and_reset_the_link(both: Joined) -> None:
    """As the original does when it closes with something unread: an end, then a reset."""
    await both.local.send(b"never read")
    await skip(0.0)
    both.link.shut_down()
    both.link.close()


def test_a_reset_after_the_links_end_leaves_the_end_clean() -> None:
    async def scenario() -> tuple[bytes, PipeEnd]:
        with joined(Patience(0.0), tcp_pair) as both:
            sender = Sender(KEY, THEIRS)
            await both.link.send(sender.header + sender.message(b"all of it"))
            await end_and_reset_the_link(both)
            await skip(0.0)  # the pipe has seen the end
            await both.local.send(b"the link takes no more")
            received = await both.local.receive_all()
            await both.local.send(b"and this is discarded")
            both.local.close()
            return received, await both.ended

    received, end = run(scenario())
    assert received == b"all of it"
    assert (end.closed_by, end.error) == ("link", "")


def test_a_reset_after_an_end_that_was_not_read_yet_leaves_it_clean() -> None:
    async def scenario() -> bytes:
        with joined(Patience(0.0), tcp_pair) as both:
            sender = Sender(KEY, THEIRS)
            await both.local.send(b"the link takes no more")  # ready first, so written before the end is read
            await both.link.send(sender.header + sender.message(b"all of it"))
            await end_and_reset_the_link(both)
            return await both.local.receive_all()

    assert run(scenario()) == b"all of it"


def test_a_local_socket_that_goes_on_for_ever_is_given_up() -> None:
    async def scenario() -> PipeEnd:
        with joined(Patience(0.0, linger=5.0), tcp_pair) as both:
            await both.link.send(THEIRS)
            await end_and_reset_the_link(both)
            while not both.ended.done():
                with suppress(ConnectionError):
                    await both.local.send(b"more and more")
                await skip(1.0)
            return both.ended.result()

    assert "silent for 5 s" in run(scenario()).error


def test_a_reset_while_the_rest_is_discarded() -> None:
    async def scenario() -> PipeEnd:
        with joined(Patience(0.0), tcp_pair) as both:
            await both.link.send(THEIRS)
            await end_and_reset_the_link(both)
            await skip(0.0)
            await both.local.send(b"the link takes no more")
            await skip(0.0)
            both.local.reset()
            return await both.ended

    assert run(scenario()).closed_by == "link"


def test_ending_it_while_data_waits_closes_both() -> None:
    async def scenario() -> PipeEnd:
        with joined(Patience(0.0)) as both:
            await stuff(both.local)
            both.pipe.abort("enough")
            both.pipe.abort("once more")
            return await both.ended

    end = run(scenario())
    assert (end.closed_by, end.error) == ("", "enough")


def test_an_error_of_the_transport_is_told_apart() -> None:
    async def scenario() -> PipeEnd:
        with joined(Patience(0.0)) as both:
            await both.link.send(THEIRS + bytes(273))
            return await both.ended

    end = run(scenario())
    assert end.by_protocol
    assert end.closed_by == "link"
    assert "first message does not verify" in end.error


def test_the_links_end_waits_until_no_answer_came_for_a_while() -> None:
    async def scenario() -> list[bool]:
        with joined(Patience(answer_grace=0.25)) as both:
            sender, ended = Sender(KEY, THEIRS), []
            await both.link.receive(24)
            reading = asyncio.create_task(both.link.receive_all())
            both.local.shut_down()
            await skip(0.0)
            await skip(0.2)
            ended.append(reading.done())
            await both.link.send(sender.header + sender.message(b"answer"))
            assert await both.local.receive(6) == b"answer"
            await skip(0.2)
            ended.append(reading.done())
            await skip(0.1)
            assert await reading == b""
            return ended

    assert run(scenario()) == [False, False]


def test_without_that_patience_the_end_is_passed_on_at_once() -> None:
    async def scenario() -> bytes:
        with joined(Patience(answer_grace=0.0)) as both:
            both.local.shut_down()
            return await both.link.receive_all()

    assert run(scenario()) == HEADER
