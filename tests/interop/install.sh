#!/bin/sh
# Install what `make interop` runs against: sh tests/interop/install.sh
#
#   Python clients   into .interop/venv, apart from ours: gql needs another graphql-core
#   Chromium         Debian's, where this is root and apt-get is there
#   PostgreSQL 15    the same; its programs alone, without a cluster that keeps running
#
# What cannot be had is named and skipped; with CI=true that is a failure.
set -eu

cd "$(dirname "$0")/../.."

lack() {
    if [ "${CI:-}" = true ]; then
        echo "missing: $1" >&2
        exit 1
    fi
    echo "skipped: $1" >&2
}

may_use_apt() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1
}

apt_install() {
    DEBIAN_FRONTEND=noninteractive apt-get -qq update </dev/null &&
        DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends \
            -o Dpkg::Options::=--force-confold install "$@" </dev/null >/dev/null
}

python_clients() {
    cmp -s tests/interop/requirements.lock .interop/installed.lock && return
    echo "Installing the Python clients into .interop/venv"
    sh tools/venv.sh .interop/venv
    .interop/venv/bin/python -m pip --quiet --disable-pip-version-check install \
        --require-hashes --requirement tests/interop/requirements.lock
    cp tests/interop/requirements.lock .interop/installed.lock
}

chromium() {
    for name in chromium chromium-browser google-chrome; do
        command -v $name >/dev/null 2>&1 && return
    done
    [ -n "${INTEROP_CHROMIUM:-}" ] && return
    may_use_apt || return
    echo "Installing Chromium"
    apt_install chromium fonts-dejavu-core
}

postgresql() {
    [ -n "${INTEROP_POSTGRES_BIN:-}" ] && return
    [ -x /usr/lib/postgresql/15/bin/postgres ] && return
    may_use_apt || return
    echo "Installing PostgreSQL 15"
    if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
        mkdir -p /etc/postgresql-common
        echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.conf
    fi
    apt_install postgresql-15
}

mkdir -p .interop
python_clients || lack "the Python clients could not be installed (.interop/venv)"
chromium || lack "no Chromium: install one, or name it in INTEROP_CHROMIUM"
postgresql || lack "no PostgreSQL 15: install it, or name its folder of programs in INTEROP_POSTGRES_BIN"
