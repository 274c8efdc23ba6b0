#!/bin/sh
# Look for advisories against what the lock files name, and write build/sbom.json: sh tools/audit.sh
#
# pip-audit has an environment of its own, .audit, from tools/audit/requirements.lock. Where it
# cannot be installed, nothing was audited, and this fails too.
set -eu

cd "$(dirname "$0")/.."

if ! cmp -s tools/audit/requirements.lock .audit/installed.lock; then
    echo "Installing pip-audit into .audit"
    sh tools/venv.sh .audit
    .audit/bin/python -m pip --quiet --disable-pip-version-check install \
        --require-hashes --requirement tools/audit/requirements.lock
    cp tools/audit/requirements.lock .audit/installed.lock
fi
exec .venv/bin/python tools/audit/audit.py .audit/bin/pip-audit
