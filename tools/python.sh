#!/bin/bash
# Prints the Python interpreter of a lock: the one of the version that
# locks/NAME.in names in a line "# Python 3.8", otherwise the system's.
#
#   tools/python.sh [--version] NAME
#
# It is looked for as python3.8 in PATH, then among those of uv and pyenv.
# PYTHON names another one. --version prints the version alone.
set -euo pipefail

cd "$(dirname "$0")/.."
only_version=
if [ "${1:-}" = --version ]; then
    only_version=1
    shift
fi
name=$1
version=$(sed -n 's/^# Python //p' "locks/$name.in")
if [ -n "$only_version" ]; then
    echo "${version:-3.11}"
    exit
fi
if [ -n "${PYTHON:-}" ]; then
    echo "$PYTHON"
    exit
fi
if [ -z "$version" ]; then
    echo /usr/bin/python3
    exit
fi

candidates=("python$version")
shopt -s nullglob
# A command of pyenv's may be there for a version that is switched off.
for folder in "${UV_PYTHON_INSTALL_DIR:-$HOME/.local/share/uv/python}"/cpython \
    "${PYENV_ROOT:-$HOME/.pyenv}/versions/"; do
    candidates+=("$folder"*"$version".*/bin/python3)
done
ask='import sys; print("%d.%d" % sys.version_info[:2], sys.executable)'
for candidate in "${candidates[@]}"; do
    found=$("$candidate" -c "$ask" 2>/dev/null) || continue
    if [ "${found%% *}" = "$version" ]; then
        echo "${found#* }"
        exit
    fi
done
{
    echo "locks/$name.txt is for Python $version, which is not here."
    echo "Install it, for example with: uv python install $version"
    echo "or set PYTHON to it."
} >&2
exit 1
