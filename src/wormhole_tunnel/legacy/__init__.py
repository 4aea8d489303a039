"""The transport of the original wormhole (0.3), so that either proxy can be replaced before the other.

`block` pads data to one size, `secretstream` seals and opens it with libsodium, `seen` remembers headers, `link` is one
connection between proxies. It shares no code and no derived key with protocol 1. What it can't give: docs/legacy.md.
"""
