"""Options of the sockets between two proxies."""

from __future__ import annotations

import socket

import pytest

from wormhole_tunnel.limits import DEAD_AFTER
from wormhole_tunnel.net.socket_options import set_link_options


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_what_a_link_sends_in_vain_ends_it_when_silence_would(family: socket.AddressFamily) -> None:
    with socket.socket(family) as sock:
        set_link_options(sock)
        option = getattr(socket, "TCP_USER_TIMEOUT", None)  # only Linux has it
        assert option is None or sock.getsockopt(socket.IPPROTO_TCP, option) == DEAD_AFTER * 1000


def test_a_unix_socket_has_no_such_options() -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        set_link_options(sock)
