"""Sockets, clocks and tasks: addresses, name resolution, dialing, listening, and the two socket adapters.

A link joins a socket to a session, a pipe joins a local socket to a stream.
"""
