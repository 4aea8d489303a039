"""Every error that wormhole raises on purpose.

Two trees. `WormholeError` is for the user: its text is one line that says what to do, its class has the exit code.
`ProtocolError` is for the wire: whatever bytes a peer sends, a parser of the core raises one of these and nothing else.
"""

from __future__ import annotations


class WormholeError(Exception):
    """An error to show to the user as one line; `exit_code` is the command's."""

    exit_code = 1


class UsageError(WormholeError):
    """An option or argument that can't be used."""

    exit_code = 2


class KeyFileError(WormholeError):
    """A key file that is missing, unreadable or not a key file."""

    exit_code = 7


class AddressError(WormholeError):
    """An address that can't be parsed."""

    exit_code = 4


class ListenError(WormholeError):
    """A listener that can't be opened: port in use, no permission."""

    exit_code = 5


class ConfigError(WormholeError):
    """A configuration file with a mistake: file, line and field are in the text."""

    exit_code = 6


class ProtocolError(Exception):
    """The peer broke the protocol; the text is for the log and holds no payload."""


class HandshakeError(ProtocolError):
    """A handshake message that does not verify, or answers something else."""


class RecordError(ProtocolError):
    """A record that does not verify, or whose sealed length is out of bounds."""


class FrameError(ProtocolError):
    """A frame that can't be parsed, or is not allowed where it stands."""


class FlowControlError(ProtocolError):
    """A peer sent more than its window allows."""


class LinkTimeoutError(ProtocolError):
    """The peer has been silent for too long."""


class LimitError(ProtocolError):
    """A bound on memory, streams or control frames was reached."""
