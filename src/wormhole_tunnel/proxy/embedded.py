"""Connections through a tunnel for code in the same process: asyncio's own streams, and no local port.

The application holds one end of a socket pair, the tunnel carries the other like any client's socket, so back-pressure and
half-close are the kernel's. Only a reset has no form on such a pair. It passes beside it: one from the far end is an error
in the application's reader, and `abort` of the application's transport resets the stream.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable
from typing import Any, Final

from wormhole_tunnel.net.pipe import Pipe, PipeEnd, PipeOwner
from wormhole_tunnel.session.buffers import Buffers
from wormhole_tunnel.wire.frames import ResetCode

STREAM_LIMIT: Final = 64 * 1024  # bytes that asyncio's reader buffers, by asyncio's own default
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]

_REASONS: Final = {
    ResetCode.RESET: "the connection was reset",
    ResetCode.REFUSED: "the server refused the connection",
    ResetCode.UNREACHABLE: "the server can't be reached from the server proxy",
    ResetCode.TIMEOUT: "the connection was not made in time",
    ResetCode.NAME: "the server proxy can't resolve the server's name",
    ResetCode.DENIED: "the server proxy does not allow the connection",
    ResetCode.LIMIT: "a limit on connections was reached",
    ResetCode.DRAINING: "the proxy is stopping",
    ResetCode.SESSION_LOST: "the session with the server proxy was lost",
    ResetCode.PROTOCOL: "the other proxy broke the protocol",
}


def connection_error(code: ResetCode, opened: bool) -> OSError:
    """The exception for a stream that was reset: as the operating system would have raised for a TCP connection."""
    reason = _REASONS[code]
    if opened:
        return ConnectionResetError(reason)
    if code is ResetCode.REFUSED:
        return ConnectionRefusedError(reason)
    if code is ResetCode.TIMEOUT:
        return TimeoutError(reason)
    return ConnectionAbortedError(reason)


class EmbeddedPipe(Pipe):
    """A pipe whose client is in this process, and wants to know when it is connected and why it ended."""

    __slots__ = ("_client", "_proxy", "_reader", "_ready", "_transport")

    def __init__(self, loop: asyncio.AbstractEventLoop, proxy: PipeOwner, buffers: Buffers) -> None:
        near, far = socket.socketpair()
        far.settimeout(0)
        super().__init__(loop, self, far, buffers)
        self.source = "this process"
        self._proxy = proxy
        self._client: socket.socket = near
        self._ready: asyncio.Future[None] = loop.create_future()
        self._reader: asyncio.StreamReader | None = None
        self._transport: asyncio.Transport | None = None

    async def streams(self, limit: int) -> Streams:
        """Wait until the server is connected; the two ends of an open connection. `limit` is that of asyncio's reader.

        Raises OSError: see `connection_error`.
        """
        try:
            await self._ready
            return await self._make_streams(limit)
        except BaseException:
            self.abort(ResetCode.RESET)
            self._client.close()
            raise

    async def _make_streams(self, limit: int) -> Streams:
        reader = asyncio.StreamReader(limit=limit)
        protocol = asyncio.StreamReaderProtocol(reader)
        transport, _ = await self._loop.create_unix_connection(lambda: protocol, sock=self._client)
        self._reader, self._transport = reader, transport
        if self.closed:
            self._fail(ResetCode.RESET)
        return reader, asyncio.StreamWriter(_Transport(transport, self), protocol, reader, self._loop)

    def opened(self) -> None:
        """The server is connected."""
        super().opened()
        if not self._ready.done():
            self._ready.set_result(None)

    def pipe_ended(self, pipe: Pipe, end: PipeEnd, code: ResetCode | None) -> None:
        """Pass the end on to the proxy, and a reset to the application."""
        self._proxy.pipe_ended(pipe, end, code)
        if code is not None:
            self._fail(code)

    def _fail(self, code: ResetCode) -> None:
        if not self._ready.done():
            self._ready.set_exception(connection_error(code, opened=False))
        elif self._reader is not None and self._transport is not None:
            self._reader.set_exception(connection_error(code, opened=True))
            self._transport.abort()


class _Transport(asyncio.Transport):
    """The application's transport, but that `abort` is a reset."""

    def __init__(self, inner: asyncio.Transport, pipe: EmbeddedPipe) -> None:
        super().__init__()
        self._inner = inner
        self._pipe = pipe

    def abort(self) -> None:
        """Drop what is not sent yet, and reset the connection."""
        self._pipe.abort(ResetCode.RESET)
        self._inner.abort()

    def close(self) -> None:
        self._inner.close()

    def is_closing(self) -> bool:
        return self._inner.is_closing()

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        self._inner.write(data)

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview[Any]]) -> None:
        self._inner.writelines(list_of_data)

    def write_eof(self) -> None:
        self._inner.write_eof()

    def can_write_eof(self) -> bool:
        return self._inner.can_write_eof()

    def get_write_buffer_size(self) -> int:
        return self._inner.get_write_buffer_size()

    def get_write_buffer_limits(self) -> tuple[int, int]:
        return self._inner.get_write_buffer_limits()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._inner.set_write_buffer_limits(high, low)

    def get_extra_info(self, name: str, default: object = None) -> object:
        return self._inner.get_extra_info(name, default)

    def is_reading(self) -> bool:
        return self._inner.is_reading()

    def pause_reading(self) -> None:
        self._inner.pause_reading()

    def resume_reading(self) -> None:
        self._inner.resume_reading()

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self._inner.get_protocol()

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._inner.set_protocol(protocol)
