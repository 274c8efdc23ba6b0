#!/bin/sh
# Make .venv and install what the lock names, and the project itself: sh tools/install.sh
set -eu

cd "$(dirname "$0")/.."

install_with_uv() {
    # Compiled now, so that the first start does not do it.
    uv sync --quiet --locked --compile-bytecode --python ">=3.11"
}

install_with_pip() {
    .venv/bin/python -m pip --version >/dev/null 2>&1 || sh tools/venv.sh .venv
    .venv/bin/python -m pip --quiet --disable-pip-version-check install \
        --require-hashes --requirement requirements.lock
    .venv/bin/python -m pip --quiet --disable-pip-version-check install \
        --no-deps --no-build-isolation --editable .
}

echo "Installing into .venv (once; about a minute)"
if command -v uv >/dev/null 2>&1 && [ -z "${PYTHON:-}" ]; then
    install_with_uv || { echo "uv could not install from uv.lock; trying pip" >&2; install_with_pip; }
else
    install_with_pip
fi
