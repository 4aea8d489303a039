"""What can be wrong with a legacy link. Each of these ends it: the stream is reset, and the link stays failed."""

from __future__ import annotations

from wormhole_tunnel.errors import ProtocolError


class LegacyError(ProtocolError):
    """The peer broke the legacy transport, or someone between the proxies did."""


class LegacyTruncatedError(LegacyError):
    """The connection ended before the header was complete, or inside a message."""


class LegacyHeaderError(LegacyError):
    """A header that was used before: our own, reflected, or one of an earlier stream, replayed."""


class LegacyAuthenticationError(LegacyError):
    """A message that does not verify: another key, or changed, dropped, repeated or moved on the way."""


class LegacyPaddingError(LegacyError):
    """A message that verifies and is not 1 to 255 bytes of data, 0x80 and zeros with TAG_MESSAGE."""


class LegacyFailedError(LegacyError):
    """The link was used after an error had ended it."""
