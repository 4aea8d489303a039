"""One direction of a legacy connection: read from one socket, convert, write to the other.

    FLOWING --EOF--> ENDED
            --source failed--> STOPPED
            --sink failed--> STOPPED, or by the owner's choice DISCARDING --EOF or failure--> ENDED

The source is read only while nothing waits to be written. That is the back-pressure, and it means that an end or a
failure of the source is found only once all before it was written.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, Protocol

from wormhole_tunnel.legacy.errors import LegacyError

# Linux says EPIPE if the peer ended its direction before it reset, ECONNRESET if not. Others say EPIPE for both.
_EPIPE_FOLLOWS_EOF: Final = sys.platform == "linux"


class FlowState(Enum):
    """See the head of this module."""

    FLOWING = auto()
    ENDED = auto()
    STOPPED = auto()
    DISCARDING = auto()


class FlowOwner(Protocol):
    """Who is told how a flow goes on. Each method is called from the event loop."""

    def flow_ended(self, flow: Flow) -> None:
        """The source has ended, and all that it sent is written."""

    def flow_broken(self, flow: Flow, error: OSError | LegacyError) -> None:
        """The source failed: reset, or not what the transport allows. The flow has stopped."""

    def sink_lost(self, flow: Flow, *, after_eof: bool) -> None:
        """The sink takes no more; the flow has stopped. `after_eof`: whether its peer had ended its direction."""


@dataclass(frozen=True, slots=True)
class Codec:
    """What is done with what was read: `convert` each read, `at_eof` at the end. Both may raise LegacyError."""

    convert: Callable[[memoryview], bytes | bytearray]
    at_eof: Callable[[], None]


class Flow:
    """Moves bytes from `source` to `sink`, both non-blocking; the owner closes them.

    `buffer` is used within one read only, so that all flows may share it.
    """

    __slots__ = (
        "_buffer", "_codec", "_distrusted", "_loop", "_owner", "_pending", "bytes_read", "bytes_written", "last_active",
        "sink", "source", "state",
    )  # fmt: skip

    def __init__(
        self, source: socket.socket, sink: socket.socket, codec: Codec, buffer: memoryview, owner: FlowOwner
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self.source = source
        self.sink = sink
        self._codec = codec
        self._buffer = buffer
        self._owner = owner
        self._pending = memoryview(b"")
        self._distrusted = False
        self.state = FlowState.FLOWING
        self.bytes_read = 0
        self.bytes_written = 0
        self.last_active = self._loop.time()

    @property
    def is_blocked(self) -> bool:
        """Whether something waits for the sink."""
        return bool(self._pending)

    def start(self, first: bytes = b"") -> None:
        """Write `first`, then whatever comes."""
        self._loop.add_reader(self.source, self._on_readable)
        if first:
            self._write(memoryview(first))

    def stop(self) -> None:
        """Read and write no more, and forget what waits. To be called before either socket is closed."""
        self._loop.remove_reader(self.source)
        if self._pending:
            self._loop.remove_writer(self.sink)
            self._pending = memoryview(b"")
        self.state = FlowState.STOPPED

    def discard(self) -> None:
        """Read the source to its end, into nothing: closing it with unread data would reset it."""
        self.state = FlowState.DISCARDING
        self._loop.add_reader(self.source, self._on_readable)

    def distrust_eof(self) -> None:
        """From now on an EOF counts as a failure: the socket was found reset, after which a read may say EOF."""
        self._distrusted = True

    def _on_readable(self) -> None:
        try:
            size = self.source.recv_into(self._buffer)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._break(error)
            return
        if self.state is FlowState.DISCARDING:
            if size == 0:
                self._end()
            return
        self.last_active = self._loop.time()
        self.bytes_read += size
        try:
            self._process(size)
        except LegacyError as error:
            self._break(error)

    def _process(self, size: int) -> None:
        if size:
            if data := self._codec.convert(self._buffer[:size]):
                self._write(memoryview(data))
        elif self._distrusted:
            self._break(ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET)))
        else:
            self._codec.at_eof()
            self._end()

    def _end(self) -> None:
        self.stop()
        self.state = FlowState.ENDED
        self._owner.flow_ended(self)

    def _break(self, error: OSError | LegacyError) -> None:
        if self.state is FlowState.DISCARDING:
            self._end()
            return
        self.stop()
        self._owner.flow_broken(self, error)

    def _write(self, data: memoryview) -> None:
        try:
            sent = self.sink.send(data)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError as error:
            self.stop()
            after_eof = _EPIPE_FOLLOWS_EOF and isinstance(error, BrokenPipeError)
            self._owner.sink_lost(self, after_eof=after_eof)
            return
        self.bytes_written += sent
        was_blocked, self._pending = self.is_blocked, data[sent:]
        if self.is_blocked and not was_blocked:
            self._loop.remove_reader(self.source)
            self._loop.add_writer(self.sink, self._on_writable)
        elif was_blocked and not self.is_blocked:
            self._loop.remove_writer(self.sink)
            self._loop.add_reader(self.source, self._on_readable)

    def _on_writable(self) -> None:
        self.last_active = self._loop.time()
        self._write(self._pending)
