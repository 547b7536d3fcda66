#!/bin/bash
# Writes locks/*.txt from locks/*.in: versions and hashes of everything that
# is installed from PyPI. Pins already there are kept.
#
#   tools/lock.sh [--upgrade] [NAME]...
#
# UPPER_CONSTRAINTS names OpenStack's upper-constraints file of the release
# where a lock is made for a new one. The Python of a lock is in its .in file,
# as tools/python.sh reads it.
set -euo pipefail

cd "$(dirname "$0")/.."
upgrade=()
if [ "${1:-}" = --upgrade ]; then
    upgrade=(--upgrade)
    shift
fi
names=("$@")
if [ ${#names[@]} -eq 0 ]; then
    names=(bootstrap build lint docs)
    for file in locks/nova-*.in locks/cloud-*.in; do
        name=${file#locks/}
        names+=("${name%.in}")
    done
fi
uv=$(tools/venv.sh bootstrap)/uv
constraints=$(mktemp)
trap 'rm -f "$constraints"' EXIT

for name in "${names[@]}"; do
    options=(--python-version "$(tools/python.sh --version "$name")")
    case $name in
        nova-* | cloud-*)
            if [ -n "${UPPER_CONSTRAINTS:-}" ]; then
                # The services themselves are pinned by the .in file.
                free='nova|keystone|glance|neutron|openstack-placement|hypothesis'
                case $name in
                    # Two pins of 2026.2 contradict what Nova 34 asks for.
                    *-34) free+='|oslo.versionedobjects|keystoneauth1' ;;
                    # Theirs do not build with Debian 12's libvirt. Before
                    # 2024.1's, pbr makes no editable install.
                    *-26 | *-27) free+='|libvirt-python|pbr' ;;
                    *-28) free+='|pbr' ;;
                esac
                grep -vE "^(#|($free)([=]|\$))" "$UPPER_CONSTRAINTS" |
                    sed 's/===/==/' >"$constraints"
                options+=(--constraint "$constraints")
            fi
            ;;
    esac
    echo "locks/$name.txt"
    "$uv" pip compile -q --generate-hashes --no-annotate --allow-unsafe \
        --custom-compile-command "tools/lock.sh $name" \
        "${options[@]}" "${upgrade[@]}" "locks/$name.in" \
        -o "locks/$name.txt" >/dev/null
done
