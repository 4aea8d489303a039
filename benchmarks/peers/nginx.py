"""nginx's stream module, TLS 1.3 on the link."""

from __future__ import annotations

import os
from pathlib import Path

from benchmarks.peers.base import CIPHERSUITE, SERVER_NAME, Commands, Credentials, Peer, Route, descriptor_limit
from benchmarks.processes import LOOPBACK

# Debian ships the stream module as a file of its own; elsewhere it's usually built in.
_STREAM_MODULE = Path("/usr/lib/nginx/modules/ngx_stream_module.so")


def common(folder: Path, name: str, workers: str) -> str:
    """Return the head of a configuration that keeps all files in `folder`."""
    lines = [
        "daemon off;",
        f"worker_processes {workers};",
        f"pid {folder / name}.pid;",
        "error_log stderr crit;",
        f"events {{ worker_connections {descriptor_limit()}; }}",
    ]
    if os.geteuid() == 0:
        lines.insert(0, "user root;")
    return "\n".join(lines) + "\n"


def command(config: Path) -> list[str]:
    """Return the command that runs nginx with `config` and nothing of the machine's own."""
    return ["nginx", "-e", "stderr", "-p", str(config.parent), "-c", str(config)]


def _stream(folder: Path, name: str, body: str) -> Path:
    module = f"load_module {_STREAM_MODULE};\n" if _STREAM_MODULE.exists() else ""
    config = folder / f"{name}.conf"
    config.write_text(f"{module}{common(folder, name, '1')}stream {{\n    proxy_timeout 1h;\n{body}}}\n")
    return config


def _build(route: Route, credentials: Credentials, folder: Path) -> Commands:
    server = _stream(
        folder,
        "server",
        f"""\
    server {{
        listen {LOOPBACK}:{route.link_listen} ssl backlog=4096;
        proxy_pass {LOOPBACK}:{route.server};
        ssl_certificate {credentials.certificate};
        ssl_certificate_key {credentials.certificate};
        ssl_session_cache shared:tunnel:4m;
        ssl_protocols TLSv1.3;
        ssl_conf_command Ciphersuites {CIPHERSUITE};
    }}
""",
    )
    client = _stream(
        folder,
        "client",
        f"""\
    server {{
        listen {LOOPBACK}:{route.client} backlog=4096;
        proxy_pass {LOOPBACK}:{route.link_dial};
        proxy_ssl on;
        proxy_ssl_protocols TLSv1.3;
        proxy_ssl_conf_command Ciphersuites {CIPHERSUITE};
        proxy_ssl_verify on;
        proxy_ssl_name {SERVER_NAME};
        proxy_ssl_trusted_certificate {credentials.authority};
    }}
""",
    )
    return Commands(command(server), command(client))


NGINX = Peer(
    name="nginx",
    settings=f"stream module, {CIPHERSUITE}, one worker, session reuse on, 16 KiB buffers as shipped",
    programs={"nginx": "nginx and libnginx-mod-stream"},
    version=["nginx", "-v"],
    build=_build,
)
