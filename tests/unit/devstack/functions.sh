#!/bin/bash
#
# What the plug-in needs of DevStack, for tests: the helpers write and answer
# as DevStack's do; what would install, restart or stop something is noted in
# $CALLS. With DEVSTACK_DIR, DevStack's own helpers are used for the former.

# The plug-in reads the variables; programs of awk have dollars; DevStack's
# files are not here.
# shellcheck disable=SC2034,SC2016,SC1091

set -o errexit
trap 'echo "ERR at ${BASH_SOURCE[0]}:$LINENO: $BASH_COMMAND" >&2' ERR

# Settings of ini files
# ---------------------

# _edit file words-of-awk...: puts what awk prints in the place of the file
function _edit {
    local file=$1 edited
    shift
    edited=$(awk "$@" "$file")
    printf '%s\n' "$edited" > "$file"
}

function ini_has_option {
    [[ -e $1 ]] && awk -v section="[$2]" -v option="$3" '
        /^\[/ { inside = $0 == section }
        inside && $0 ~ "^" option "[ \t]*=" { found = 1 }
        END { exit !found }' "$1"
}

function iniget {
    awk -v section="[$2]" -v option="$3" '
        /^\[/ { inside = $0 == section }
        inside && $0 ~ "^" option "[ \t]*=" {
            sub(/^[^=]*=[ \t]*/, ""); print
        }' "$1"
}

function iniget_multiline {
    local values
    values=$(iniget "$@")
    # shellcheck disable=SC2086,SC2116 # of several lines one
    echo $values
}

function inidelete {
    _edit "$1" -v section="[$2]" -v option="$3" '
        /^\[/ { inside = $0 == section }
        !(inside && $0 ~ "^" option "[ \t]*=")'
}

function iniset_multiline {
    local file=$1 section=$2 option=$3
    shift 3
    if ! grep -qsxF "[$section]" "$file"; then
        printf '\n[%s]\n' "$section" >> "$file"
    fi
    inidelete "$file" "$section" "$option"
    _edit "$file" -v section="[$section]" -v option="$option" -v values="$*" '
        { print }
        $0 == section {
            count = split(values, each, " ")
            for (i = 1; i <= count; i++) print option " = " each[i]
        }'
}

function iniset {
    local file=$1 section=$2 option=$3 value=$4
    if ini_has_option "$file" "$section" "$option"; then
        _edit "$file" -v section="[$section]" -v option="$option" \
            -v value="$value" '
            /^\[/ { inside = $0 == section }
            inside && $0 ~ "^" option "[ \t]*=" { $0 = option " = " value }
            { print }'
        return
    fi
    if ! grep -qsxF "[$section]" "$file"; then
        printf '\n[%s]\n' "$section" >> "$file"
    fi
    _edit "$file" -v section="[$section]" -v option="$option" \
        -v value="$value" '
        { print }
        $0 == section { print option " = " value }'
}

# Words and services
# ------------------

function trueorfalse {
    case "${!2:-}" in
        1 | [yY]es | YES | [tT]rue | TRUE) echo True ;;
        0 | [nN]o | NO | [fF]alse | FALSE) echo False ;;
        *) echo "$1" ;;
    esac
}

function is_service_enabled {
    local service enabled=1
    for service in "$@"; do
        [[ ,$ENABLED_SERVICES, =~ ,$service, ]] && enabled=0
        [[ $service == nova && ,$ENABLED_SERVICES =~ ,n- ]] && enabled=0
    done
    return $enabled
}

function die {
    shift
    echo "$*" >&2
    exit 1
}

function conductor_conf {
    echo "$NOVA_CONF_DIR/nova_cell$1.conf"
}

if [[ -n "${DEVSTACK_DIR:-}" ]]; then
    FILES=$DEVSTACK_DIR/files
    source "$DEVSTACK_DIR/functions-common"
    source "$DEVSTACK_DIR/inc/ini-config"
fi

# What would be done
# ------------------

function note {
    echo "$*" >> "$CALLS"
}

function define_plugin {
    :
}

function echo_summary {
    :
}

function sudo {
    "$@"
}

function restart_service {
    note "restart $1"
}

function stop_process {
    if is_service_enabled "$1"; then
        note "stop $1"
    fi
}

# As DevStack's, which reads the name in this way.
function setup_develop {
    local name
    name=$(awk '/^name.*=/ {print $3}' "$1/setup.cfg")
    note "install -e $name from $1"
}

# As DevStack's, which does not look at GLOBAL_VENV here.
function pip_uninstall {
    [[ "$OFFLINE" = "True" ]] && return
    note "uninstall $1 from ${PIP_VIRTUAL_ENV:-the system}"
}

# A node
# ------

GLOBAL_VENV=True
DEVSTACK_VENV=$SCRATCH/venv
VIRT_DRIVER=${VIRT_DRIVER:-libvirt}
OFFLINE=${OFFLINE:-False}
API_WORKERS=2
ENABLED_SERVICES=${ENABLED_SERVICES-mysql,rabbit,key,placement,g-api,n-api,n-api-meta,n-cond,n-sch,n-cpu,q-svc}
NOVA_DIR=$SCRATCH/nova
NOVA_BIN_DIR=$DEVSTACK_VENV/bin
NOVA_CONF_DIR=$SCRATCH/etc/nova
NOVA_CONF=$NOVA_CONF_DIR/nova.conf
NOVA_CPU_CONF=$NOVA_CONF_DIR/nova-cpu.conf
NOVA_UWSGI_CONF=$NOVA_CONF_DIR/nova-api-uwsgi.ini
NOVA_METADATA_UWSGI_CONF=$NOVA_CONF_DIR/nova-metadata-uwsgi.ini
NOVA_NUM_CELLS=1
NOVA_FILTERS=${NOVA_FILTERS:-ComputeFilter,SameHostFilter}
NUMA_EXT_LIBVIRT_CONF_DIR=$SCRATCH/etc/libvirt

# What DevStack has written when the plug-in's post-config comes
function create_nova_conf {
    local conf
    rm -f "$NOVA_CONF" "$NOVA_UWSGI_CONF" "$NOVA_METADATA_UWSGI_CONF"
    iniset "$NOVA_CONF" DEFAULT debug True
    iniset "$NOVA_CONF" filter_scheduler enabled_filters "$NOVA_FILTERS"
    iniset "$NOVA_CONF" scheduler workers "$API_WORKERS"
    iniset "$NOVA_CONF" DEFAULT osapi_compute_workers "$API_WORKERS"
    iniset "$NOVA_CONF" DEFAULT metadata_workers "$API_WORKERS"
    iniset "$NOVA_CONF" conductor workers "$API_WORKERS"
    if is_service_enabled n-api; then
        iniset "$NOVA_UWSGI_CONF" uwsgi processes "$API_WORKERS"
        iniset "$NOVA_METADATA_UWSGI_CONF" uwsgi processes "$API_WORKERS"
    fi
    if is_service_enabled n-cond; then
        conf=$(conductor_conf 1)
        rm -f "$conf"
        iniset "$conf" conductor workers "$API_WORKERS"
    fi
    iniset "$NOVA_CONF" DEFAULT compute_driver libvirt.LibvirtDriver
}

function start_nova_compute {
    if is_service_enabled n-cpu; then
        cp "$NOVA_CONF" "$NOVA_CPU_CONF"
        inidelete "$NOVA_CPU_CONF" database connection
    fi
}

function run_phase {
    source "$ROOT/devstack/plugin.sh" "$@"
}

# What stack.sh does of it
function stack {
    run_phase stack pre-install
    create_nova_conf
    run_phase stack install
    run_phase stack post-config
    start_nova_compute
    run_phase stack extra
    run_phase stack test-config
}

# Neither unstack.sh nor clean.sh stops at a failure.
function unstack {
    set +o errexit
    run_phase unstack
    set -o errexit
}

function clean {
    set +o errexit
    unstack
    run_phase clean
    rm -rf "$NOVA_CONF_DIR"
    set -o errexit
}

mkdir -p "$NOVA_CONF_DIR"
set -o xtrace
source "$ROOT/devstack/settings"
