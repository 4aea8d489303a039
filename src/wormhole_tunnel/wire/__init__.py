"""The protocol as bytes: handshake messages, sealed records, frames and the framing modes.

Each parser is bounds-checked and raises one documented error for any bytes it can't accept (docs/protocol.md).
"""
