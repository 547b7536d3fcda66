#!/bin/bash
# Style, types, shell scripts and release notes, with the tools of
# locks/lint.txt.
#
#   tools/lint.sh [CHECK]...
#
# CHECK is one of ruff, hacking, mypy, shell, reno, doc8; all without.
set -uo pipefail

cd "$(dirname "$0")/.." || exit
bin=$(tools/venv.sh --packages lint lint) || exit
checks=("$@")
if [ ${#checks[@]} -eq 0 ]; then
    checks=(ruff hacking mypy shell reno doc8)
fi

# Files that are shell by their first line, or by name where they are sourced.
shell_files() {
    git ls-files -z --cached --others --exclude-standard |
        while IFS= read -r -d '' file; do
            if [ ! -f "$file" ] || [ -L "$file" ]; then
                continue
            fi
            case $file in
                *.sh | *.bash | devstack/lib/* | devstack/settings)
                    echo "$file"
                    ;;
                *)
                    if head -c 64 "$file" | head -n 1 |
                        grep -aqE '^#! ?(/usr)?/bin/(env )?(ba|da)?sh\b'; then
                        echo "$file"
                    fi
                    ;;
            esac
        done
}

shell() {
    local files status=0
    mapfile -t files < <(shell_files)
    # E006 (long lines) is for code, not for what a heredoc holds.
    "$bin/bashate" --ignore E006 "${files[@]}" || status=1
    shellcheck "${files[@]}" || status=1
    return "$status"
}

run() {
    case $1 in
        ruff) "$bin/ruff" check . ;;
        hacking) "$bin/flake8" ;;
        mypy) "$bin/mypy" ;;
        shell) shell ;;
        reno) "$bin/reno" -q lint ;;
        doc8) "$bin/doc8" --quiet doc/source ;;
        *)
            echo "No such check: $1" >&2
            return 2
            ;;
    esac
}

status=0
for check in "${checks[@]}"; do
    if run "$check"; then
        echo "$check: ok"
    else
        echo "$check: FAILED"
        status=1
    fi
done
exit "$status"
