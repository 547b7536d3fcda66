#!/bin/bash
# Makes a virtual environment from a lock file of this repository, and prints
# the folder of its commands.
#
#   tools/venv.sh [--packages PROFILE]... NAME
#
# NAME is that of locks/NAME.txt; the environment is .venv/NAME, made anew when
# the lock changes. The Debian packages of the bindep profiles are installed
# where they are missing. The interpreter is what tools/python.sh finds.
set -euo pipefail

cd "$(dirname "$0")/.."
profiles=()
while [ "${1:-}" = --packages ]; do
    profiles+=("$2")
    shift 2
done
name=$1
venv=.venv/$name
export UV_PYTHON_DOWNLOADS=never

say() { echo "$*" >&2; }

install_packages() {
    [ $# -gt 0 ] || return 0
    if [ "$(id -u)" != 0 ]; then
        say "Debian packages are missing: $*"
        say "Install them, or run this as root."
        return 1
    fi
    say "Installing Debian packages: $*"
    # No package may start a service of its own: policy-rc.d says no (101).
    local deny=/usr/sbin/policy-rc.d made=
    if [ ! -e $deny ]; then
        printf '#!/bin/sh\nexit 101\n' >$deny
        chmod 755 $deny
        made=1
    fi
    local status=0
    {
        apt-get update -q &&
            DEBIAN_FRONTEND=noninteractive apt-get install -q -y \
                --no-install-recommends "$@"
    } >&2 || status=$?
    [ -z "$made" ] || rm -f $deny
    return $status
}

bootstrap() {
    local python=${PYTHON:-/usr/bin/python3}
    local bin=.venv/bootstrap/bin lock=locks/bootstrap.txt
    cmp -s $lock .venv/bootstrap/lock 2>/dev/null && return
    if ! "$python" -c 'import ensurepip' 2>/dev/null; then
        install_packages python3-venv
    fi
    rm -rf .venv/bootstrap
    "$python" -m venv .venv/bootstrap >&2
    $bin/python -m pip install -q --disable-pip-version-check \
        --require-hashes -r $lock >&2
    cp $lock .venv/bootstrap/lock
}

missing_packages() {
    local profile
    for profile in "${profiles[@]}"; do
        .venv/bootstrap/bin/bindep -b "$profile" 2>/dev/null || true
    done | sort -u
}

mkdir -p .venv
bootstrap
if [ ${#profiles[@]} -gt 0 ]; then
    mapfile -t packages < <(missing_packages)
    install_packages "${packages[@]}"
fi
if [ "$name" != bootstrap ]; then
    stamp=$(cat "locks/$name.txt" setup.cfg | sha256sum)
    if [ "$(cat "$venv/stamp" 2>/dev/null)" != "$stamp" ]; then
        say "Making $venv from locks/$name.txt"
        uv=.venv/bootstrap/bin/uv
        python=$(tools/python.sh "$name")
        # What an old Python builds with is in its own lock.
        build=locks/build.txt
        grep -q '^setuptools==' "locks/$name.txt" && build=locks/$name.txt
        rm -rf "$venv"
        $uv venv -q --python "$python" "$venv"
        $uv pip install -q --python "$venv/bin/python" --require-hashes \
            --build-constraints "$build" -r "locks/$name.txt" >&2
        case $name in
            nova-* | cloud-*)
                $uv pip install -q --python "$venv/bin/python" \
                    --no-build-isolation --no-deps -e . >&2
                ;;
        esac
        echo "$stamp" >"$venv/stamp"
    fi
fi
echo "$PWD/$venv/bin"
