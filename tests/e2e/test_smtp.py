"""Mail through the tunnel: the server greets first, and Python's own SMTP client waits for it."""

from __future__ import annotations

import smtplib
import socketserver
from threading import Thread

from tests.e2e.conftest import MakeTunnel
from tests.support.waiting import DEADLINE

MESSAGE = "Subject: wormholes\r\n\r\n" + "They are short.\r\n" * 5000


class Mailbox(socketserver.StreamRequestHandler):
    """As much of RFC 5321 as one message takes."""

    received: list[bytes]

    def handle(self) -> None:
        self.wfile.write(b"220 mailbox ready\r\n")
        for line in self.rfile:
            match line.split()[0].upper():
                case b"DATA":
                    self.wfile.write(b"354 go on\r\n")
                    self.received.append(b"".join(iter(self.rfile.readline, b".\r\n")))
                    self.wfile.write(b"250 taken\r\n")
                case b"QUIT":
                    self.wfile.write(b"221 bye\r\n")
                    return
                case _:
                    self.wfile.write(b"250 fine\r\n")


def test_a_message_for_a_server_that_greets_first(make_tunnel: MakeTunnel) -> None:
    Mailbox.received = []
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Mailbox) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        tunnel = make_tunnel(f"127.0.0.1:{server.server_address[1]}")
        with smtplib.SMTP("127.0.0.1", tunnel.port, timeout=DEADLINE) as client:
            client.sendmail("one@example.org", "other@example.org", MESSAGE)
        server.shutdown()
    assert Mailbox.received == [MESSAGE.encode()]
