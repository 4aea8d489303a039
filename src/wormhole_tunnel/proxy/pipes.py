"""What both proxies do with the connections they carry: apply stream events, and log beginnings and ends."""

from __future__ import annotations

import logging
import os
import socket
from contextlib import ExitStack

from wormhole_tunnel.config.settings import TunnelSettings
from wormhole_tunnel.errors import HandshakeError, LinkTimeoutError, ProtocolError, RecordError
from wormhole_tunnel.net.activation import activated_sockets
from wormhole_tunnel.net.addresses import ActivatedAddress, ListenAddress, SourceAddress
from wormhole_tunnel.net.clock import now as read_clock
from wormhole_tunnel.net.listen import Listener, OnAccept
from wormhole_tunnel.net.pipe import Pipe, PipeEnd
from wormhole_tunnel.net.socket_options import reset_on_close
from wormhole_tunnel.observe.logs import get_logger, log_event
from wormhole_tunnel.session import events
from wormhole_tunnel.session.session import Session, SessionSettings
from wormhole_tunnel.wire.frames import ResetCode

_log = get_logger("wormhole.conn")


def session_settings(settings: TunnelSettings) -> SessionSettings:
    """What a tunnel's settings mean for each of its sessions."""
    return SessionSettings(int(settings.resume_timeout), settings.resume_buffer)


def open_listeners(settings: TunnelSettings, on_accept: OnAccept) -> list[Listener]:
    """Listen on every address, or on none.

    Raises ListenError.
    """
    with ExitStack() as opened:
        listeners: list[Listener] = []
        for address in settings.listen:
            for listener in _opened(address, on_accept, settings):
                opened.callback(listener.close)
                listeners.append(listener)
        opened.pop_all()
    return listeners


def _opened(address: ListenAddress, on_accept: OnAccept, settings: TunnelSettings) -> list[Listener]:
    if isinstance(address, ActivatedAddress):
        return [Listener.adopt(sock, on_accept) for sock in activated_sockets(address.name, os.environ)]
    return [Listener.open(address, on_accept, settings.permissions)]


def refuse(log: logging.Logger, sock: socket.socket, source: SourceAddress, event: str, reason: str) -> None:
    """Reset a connection that was just accepted, and say why."""
    log_event(log, logging.WARNING, event, f"{source} refused: {reason}", source=str(source), reason=reason)
    reset_on_close(sock)
    sock.close()


def is_violation(error: ProtocolError | OSError | None) -> bool:
    """Whether a link's error ends its session too, since no network could have caused it."""
    return isinstance(error, ProtocolError) and not isinstance(error, (RecordError, HandshakeError, LinkTimeoutError))


def connection_id(session: Session, stream_id: int) -> str:
    """The name of a connection, the same in both proxies' logs."""
    return f"{session.identity.session_id[:4].hex()}/{stream_id}"


def pipe_of(stream_owner: object) -> Pipe | None:
    """The pipe of a stream, unless it never had one."""
    return stream_owner if isinstance(stream_owner, Pipe) else None


def apply_stream_event(event: events.Event) -> None:
    """Pass a stream's event on to its pipe; other events are left alone."""
    match event:
        case events.StreamWritable(stream) if pipe := pipe_of(stream.owner):
            pipe.writable()
        case events.StreamAccepted(stream) if pipe := pipe_of(stream.owner):
            pipe.opened()
        case events.StreamFinished(stream) if pipe := pipe_of(stream.owner):
            pipe.finish()
        case events.StreamReset(stream, code) if pipe := pipe_of(stream.owner):
            pipe.reset(code)


def reset_all(session: Session, code: ResetCode) -> int:
    """Reset every pipe of a session that is lost; returns how many."""
    pipes = [pipe_of(stream.owner) for stream in session.take_streams()]
    for pipe in pipes:
        if pipe is not None:
            pipe.reset(code)
    return len(pipes)


def log_start(pipe: Pipe, target: str) -> None:
    """At `info`, with where it came from and where it goes."""
    log_event(
        _log, logging.INFO, "connection_opened", f"{pipe.source} -> {target}", connection=pipe.label, source=pipe.source
    )


def log_end(pipe: Pipe, end: PipeEnd, code: ResetCode | None) -> None:
    """At `info` with bytes and seconds.

    At `debug` when not a byte was sent either way, as by a health probe, and where no connection was made: why is said
    elsewhere, however often it happens.
    """
    seconds = read_clock() - pipe.started_at
    plain = code is None or code is ResetCode.RESET
    reason = end.value if code is None or plain else f"{end.value}: {code.name.lower().replace('_', ' ')}"
    quiet = pipe.socket is None or (plain and pipe.sent == pipe.received == 0)
    log_event(
        _log,
        logging.DEBUG if quiet else logging.INFO,
        "connection_closed",
        f"{pipe.source} closed, {reason}",
        connection=pipe.label,
        source=pipe.source,
        reason=reason,
        bytes_sent=pipe.sent,
        bytes_received=pipe.received,
        seconds=round(seconds, 3),
    )
