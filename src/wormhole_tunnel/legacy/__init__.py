"""The transport of the original wormhole, so that either proxy can be replaced before the other.

It offers the proxies the same interface as a session of protocol 1, and shares no key material with it.
"""
