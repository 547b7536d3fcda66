# What people run here. Each target makes the environment that it needs, from
# the locks of this repository; Debian packages are installed where missing.

SHELL = /bin/bash
NOVA ?= 34
venv = $$(tools/venv.sh $(1))

# How Nova runs in the tests: threading or eventlet. Before 33 it can do the
# latter only.
CONCURRENCY ?= $(if $(filter 26 27 28 29 30 31 32,$(NOVA)),eventlet,threading)
e2e: export DEMO_CONCURRENCY ?= $(CONCURRENCY)
test unit functional drift: export OS_NOVA_DISABLE_EVENTLET_PATCHING = \
	$(if $(filter threading,$(CONCURRENCY)),true,false)

# The demo's own variable wins.
demo demo-shell demo-down demo-clean: export DEMO_RELEASE ?= $(NOVA)

.PHONY: help demo demo-shell demo-down demo-clean test unit functional e2e \
	upstream drift numa-host numa-host-clean bench bench-quick bench-clean lint docs releasenotes genconfig cover lock clean

help:
	@sed -n 's/^## //p' $(MAKEFILE_LIST)

## make demo        a one-node Nova cloud with this driver, and guests on it;
##                  NOVA=33, 31, 29 or debian for another release's
demo:
	@tools/demo/demo up

## make demo-shell  a shell with the demo's OS_* variables
demo-shell:
	@tools/demo/demo shell

## make demo-down   stop the demo's cloud; its state is kept
demo-down:
	@tools/demo/demo down

## make demo-clean  stop the demo's cloud and remove its state
demo-clean:
	@tools/demo/demo clean

## make test        unit and functional tests
test: unit functional

unit:
	bin=$(call venv,--packages build nova-$(NOVA)) && \
	$$bin/stestr run --test-path tests/unit --top-dir . $(ARGS)

## make functional  on Nova's own fixtures; CONCURRENCY=eventlet for the other way
functional:
	bin=$(call venv,--packages build nova-$(NOVA)) && \
	$$bin/stestr run --test-path tests/functional --top-dir . $(ARGS)

## make e2e         tests against real libvirt, QEMU and installed packages;
##                  CONCURRENCY=eventlet for nova-compute in the other way
e2e:
	bin=$(call venv,--packages build --packages e2e --packages install-tests nova-$(NOVA)) && \
	$$bin/stestr run --serial --test-path tests/e2e --top-dir . $(ARGS)

## make upstream    Nova's own tests, on its classes and on ours; NOVA=34
upstream:
	bin=$(call venv,--packages build nova-$(NOVA)) && \
	$$bin/python -m tests.upstream run --nova $(NOVA) --mode $(CONCURRENCY) $(ARGS)

## make drift       what changed in Nova of what this project relies on
drift:
	bin=$(call venv,--packages build nova-$(NOVA)) && \
	$$bin/python -m tests.upstream.drift --nova $(NOVA) $(ARGS)

## make numa-host   a realtime guest on an emulated host with four NUMA nodes
numa-host:
	@tools/numa_host/numa-host check

## make numa-host-clean  stop that host and its cloud, remove their state
numa-host-clean:
	@tools/numa_host/numa-host clean

## make bench       stock Nova and this driver measured in turn; takes hours
bench:
	@tools/bench/bench run $(ARGS)

## make bench-quick  one small round of it, in under ten minutes
bench-quick:
	@tools/bench/bench run --quick --mode threading $(ARGS)

## make bench-clean  stop the benchmark's cloud and remove its state
bench-clean:
	@tools/bench/bench clean

## make lint        style, types, shell scripts, release notes
lint:
	tools/lint.sh

## make docs        the documentation, into doc/build/html
docs:
	bin=$(call venv,docs) && $$bin/sphinx-build -W -b html doc/source doc/build/html

releasenotes:
	bin=$(call venv,docs) && $$bin/reno report .

## make cover       unit tests, and how much of the package they run
cover:
	bin=$(call venv,--packages build nova-$(NOVA)) && $$bin/coverage erase && \
	PYTHON="$$bin/coverage run --source nova_numa_ext --parallel-mode" \
	$$bin/stestr run --test-path tests/unit --top-dir . $(ARGS) && \
	$$bin/coverage combine -q && $$bin/coverage html -q -d cover && \
	$$bin/coverage report

## make genconfig   etc/nova-numa-ext.conf.sample from the options
genconfig:
	bin=$(call venv,--packages build nova-$(NOVA)) && \
	$$bin/oslo-config-generator --config-file etc/config-generator.conf

## make lock        locks/*.txt from locks/*.in
lock:
	tools/lock.sh

clean:
	rm -rf .venv .stestr doc/build
