#!/bin/sh
# Makes the virtual environment $1 unless it stands already, and says in one line what is missing where that fails.
set -eu

target=$1
python=${PYTHON:-python3}

if ! command -v "$python" >/dev/null; then
    echo "$python is not installed; Python 3.11 or newer is needed" >&2
    exit 1
fi
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "$("$python" --version) is too old; name a newer one: make PYTHON=/path/to/python3.11" >&2
    exit 1
fi
if [ ! -x "$target/bin/python" ] && ! "$python" -m venv "$target"; then
    rm -rf "$target"
    echo "$python can't make virtual environments; on Debian and Ubuntu: apt-get install python3-venv" >&2
    exit 1
fi
