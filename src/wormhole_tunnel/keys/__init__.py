"""Shared keys: reading a key file, the ring of keys a server accepts, and what is derived from each key.

Only the key file itself is input; the raw secret leaves this package for the legacy transport alone.
"""
