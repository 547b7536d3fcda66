#!/bin/bash
#
# DevStack sources this at each of its phases:
# https://docs.openstack.org/devstack/latest/plugins.html

# shellcheck source=devstack/lib/nova_numa_ext
source "$NOVA_NUMA_EXT_DIR/devstack/lib/nova_numa_ext"

case "$1" in
    stack)
        if is_service_enabled nova; then
            case "$2" in
                pre-install)
                    check_nova_numa_ext_settings
                    ;;
                install)
                    echo_summary "Installing nova-numa-ext"
                    install_nova_numa_ext
                    ;;
                post-config)
                    # All of Nova's files are written, none of its services
                    # runs.
                    echo_summary "Configuring nova-numa-ext"
                    configure_nova_numa_ext
                    ;;
                extra)
                    # nova-compute runs, and nova-cpu.conf is there.
                    init_nova_numa_ext
                    ;;
                test-config)
                    # Tempest has no option of this project's.
                    ;;
            esac
        fi
        ;;
    unstack)
        stop_nova_numa_ext
        cleanup_nova_numa_ext
        ;;
    clean)
        cleanup_nova_numa_ext
        ;;
esac
