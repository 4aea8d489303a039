"""An encrypted TCP tunnel between a client proxy and a server proxy.

A byte of a client passes through these modules on its way to the link, and at the far end through the same ones back:

    client socket -> net.pipe -> session.stream -> session.scheduler -> wire.frames -> session.retain
                  -> wire.framing -> wire.records -> net.link -> link socket

Without input or output of their own; time and randomness are arguments, so that tests need no sockets:
    errors, limits   every error and its exit code; every number of the protocol and its reason
    crypto, keys     AEAD, KEM and Noise; the key file, the keyring and what is derived from a key
    wire             frames, records, framing and the handshake, as bytes
    session          what outlives a link: streams, windows, scheduling, frames kept until acknowledged
    legacy           the transport of the original wormhole, behind the interface of a session
Where sockets, clocks and the event loop begin:
    net              addresses, listeners, dialers; link (socket to session) and pipe (socket to stream)
    config, observe  settings from command line, environment and file; logs and measurements
    proxy, cli       the two proxies and their life cycle; the commands `wormhole` and `wormhole-keygen`
"""

from __future__ import annotations

__version__ = "1.0.0.dev0"
