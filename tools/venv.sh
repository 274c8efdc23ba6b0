#!/bin/sh
# Make a virtual environment that has pip: sh tools/venv.sh DIR
#
# Takes the newest Python from 3.11 on that it finds; PYTHON=/path/to/python names another one.
# Debian's Python comes without the part that brings pip along (python3-venv); pip then comes
# from PyPI, as the one file whose hash stands below.
set -eu

dir=$1
pip_url=https://files.pythonhosted.org/packages/07/25/ee8c38ae72d66b844ce8eb9711ba905dba21ca1a8a0c960057c41cd23337/pip-26.3-py3-none-any.whl
pip_sha256=f3b60b20ffaadd4415ed7957212a38ac63fa4c5fa375bd0f4a797777940fad13

is_new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() {
    for candidate in ${PYTHON:-python3.13 python3.12 python3.11 python3}; do
        if is_new_enough "$candidate"; then
            command -v "$candidate"
            return
        fi
    done
    echo "Corrigenda needs Python 3.11 or newer, and found none (looked for:" \
        "${PYTHON:-python3.13 python3.12 python3.11 python3})." \
        "Install one, or name it: make install PYTHON=/path/to/python3" >&2
    return 1
}

fetch_pip() {
    "$1" - "$pip_url" "$pip_sha256" "$2" <<'FETCH'
import hashlib
import pathlib
import sys
import urllib.request

url, sha256, folder = sys.argv[1:]
with urllib.request.urlopen(url, timeout=60) as answer:
    wheel = answer.read()
if hashlib.sha256(wheel).hexdigest() != sha256:
    sys.exit(f"{url} is not the file it should be")
pathlib.Path(folder, url.rpartition("/")[2]).write_bytes(wheel)
FETCH
}

python=$(find_python)
rm -rf "$dir"
if "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    "$python" -m venv "$dir"
else
    "$python" -m venv --without-pip "$dir"
    fetch_pip "$dir/bin/python" "$dir"
    "$dir/bin/python" "$dir/${pip_url##*/}/pip" --quiet install --no-index "$dir/${pip_url##*/}"
    rm "$dir/${pip_url##*/}"
fi
