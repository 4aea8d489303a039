"""Primitives: record ciphers, the ML-KEM half of the hybrid, and the Noise handshake states.

Built on `cryptography`; what that library needs care with (overlapping buffers, nonce sizes) is dealt with here, once.
"""
