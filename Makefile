# Every target installs what it needs. Nothing but Python >= 3.10 has to be there before.
.DEFAULT_GOAL := help
.PHONY: help setup gate test test-unit test-runtime test-plugin test-integration test-clusters test-sessions test-engines test-versions test-releases test-cross-language test-faults test-upgrades test-container break-rules savepoints lint docs bench clean

# The newest interpreter that job environments support too, else whatever python3 is.
PYTHON ?= $(firstword $(foreach candidate,python3.12 python3.11 python3.10 python3,$(shell \
	$(candidate) -c 'import sys, venv, ensurepip; assert sys.version_info >= (3, 10)' 2>/dev/null && echo $(candidate))))
VENV := .venv
RUN := $(VENV)/bin/python
STAMP := $(VENV)/.ready
# Hundreds of sessions and workers start: each would compile every module again.
unexport PYTHONDONTWRITEBYTECODE
DOCS_STAMP := $(VENV)/.docs-ready

help:
	@echo "make gate   run this project's scenarios without Flink and on Flink 2.2, print the verdict"
	@echo "make test   run the whole test suite"
	@echo "make lint   ruff, mypy --strict, import-linter"
	@echo "make docs   build the documentation into site/"
	@echo "make bench  what starting and running cost, as a table"
	@echo "make clean  remove the virtual environment and reports (the cache stays)"

setup: $(STAMP)

$(STAMP): requirements/dev.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python >= 3.10 with venv is needed, and none was found. Name one: make PYTHON=/path/to/python3" >&2; exit 1; }
	@echo "setup: the harness's own environment in $(VENV) (about 20 s)"
	@$(PYTHON) -m venv --clear $(VENV)
	@$(RUN) -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements/dev.txt
	@$(RUN) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

# Other versions: make gate FLINK=1.20,2.3
FLINK ?= 2.2

gate: $(STAMP)
	@$(RUN) -m pytest scenarios --flink-version=$(FLINK) --flink-tier=local --flink-tier=embedded --flink-gate

# Parts take a bit less than a processor each, so that three of them keep two processors busy to the end.
# Each shows its output when it ends. The longest come first, so that none is left alone in the end; the first one needs
# no job environment, which the others build meanwhile.
SIDE_BY_SIDE = +@$(MAKE) --no-print-directory -j3 --output-sync=target
# Processes of test-runtime and test-plugin when they run alone.
WORKERS ?= 2

test: $(STAMP)
	@echo "test: eight parts, three at a time (about 20 min)"
	$(SIDE_BY_SIDE) WORKERS=0 VERSIONS=1.20 \
		test-unit test-plugin test-clusters test-sessions test-engines test-runtime test-versions test-releases

test-unit: $(STAMP)
	@echo "test-unit: no process, no socket"
	@$(RUN) -m pytest tests/unit -q

test-runtime: $(STAMP)
	@echo "test-runtime: the bundled runtime, inside a job environment"
	@$(RUN) tests/run_in_job_environment.py tests/runtime -q -n $(WORKERS)

test-plugin: $(STAMP)
	@echo "test-plugin: the plugin as users see it"
	@$(RUN) -m pytest tests/plugin tests/false_promote -q -n $(WORKERS)
	@$(RUN) -m pytest tests/known_bugs -q -m "not slow"

test-integration: $(STAMP)
	$(SIDE_BY_SIDE) test-clusters test-sessions test-engines

test-clusters: $(STAMP)
	@echo "test-clusters: clusters and jobs, and a payment under a fault"
	@$(RUN) -m pytest $(addprefix tests/integration/,cluster cluster_suite jobs) -q --durations=15
	@$(RUN) -m pytest tests/fault_scenarios/payment.scenario.yaml --flink-version=2.2 --flink-tier=embedded -q -k once

# In one part, since some of these tests look at all guards of the machine while others kill owners of guards.
test-sessions: $(STAMP)
	@echo "test-sessions: processes, brokers and whole sessions"
	@$(RUN) -m pytest $(addprefix tests/integration/,cli kafka network ownership) -q --durations=15

test-engines: $(STAMP)
	@echo "test-engines: engines, environments, scenarios and the wheel"
	@$(RUN) -m pytest $(addprefix tests/integration/,engines environments packaging scenarios) -q --durations=15

# `make test` takes the oldest version beside 2.2, on which all other parts run; CI takes the newest as well.
VERSIONS ?= 1.20,2.3

test-versions: $(STAMP)
	@echo "test-versions: scenarios, clusters, parity suite and stored savepoints on Flink $(VERSIONS)"
	@$(RUN) -m pytest scenarios tests/integration/cluster_suite/test_cluster.py tests/integration/engines/test_parity.py \
		tests/integration/jobs/test_savepoints.py --flink-version=$(VERSIONS) -q

test-releases: $(STAMP)
	@echo "test-releases: the oldest flink-agents of each engine"
	@$(RUN) -m pytest tests/integration/engines/test_parity.py --flink-version=2.2 --flink-tier=local --flink-agents=0.3.0 -q
	@$(RUN) -m pytest tests/upstream_scenarios --flink-version=1.20 --flink-agents=0.1.1 --flink-engine=upstream --flink-tier=embedded -q

# Not part of `make test`, whose test-releases has the check of each plan by Java.
test-cross-language: $(STAMP)
	@echo "test-cross-language: agents, actions and plans in Java and Python, on flink-agents 0.1.1 and Flink 1.20, and Java parts on the bundled engine (about 2 min)"
	@$(RUN) -m pytest tests/cross_language --flink-version=1.20 --flink-agents=0.1.1 --flink-engine=upstream --flink-tier=embedded -q --durations=5
	@$(RUN) -m pytest tests/bundled_java --flink-version=2.2 --flink-engine=bundled --flink-tier=local,embedded -q --durations=5

# Kills of TaskManagers under one job. Fewer: make test-faults KILLS=20
KILLS ?= 300

# Not part of `make test`, whose test-clusters has the faults of processes on one version, and the first scenarios.
# Its test-sessions has eight kills.
test-faults: $(STAMP)
	@echo "test-faults: scenarios that break a job on purpose, and faults on Flink $(VERSIONS), known defects, flink-agents 0.1.1 (about 18 min), $(KILLS) kills under one job (about 10 s each)"
	@$(RUN) -m pytest tests/fault_scenarios --flink-version=2.2 --flink-tier=embedded -q --durations=5
	@$(RUN) -m pytest tests/integration/cluster_suite/test_faults.py --flink-version=$(VERSIONS) -q
	@$(RUN) -m pytest tests/known_bugs -q -m slow -o faulthandler_timeout=900
	@$(RUN) -m pytest tests/integration/kafka/test_many_kills.py --flink-version=2.2 --kills=$(KILLS) -q -o faulthandler_timeout=0

# Not part of `make test`, whose test-sessions has one upgrade.
test-upgrades: $(STAMP)
	@echo "test-upgrades: versions of agents and jobs that replace each other, under load, with work in flight and with kills (about 24 min)"
	@$(RUN) -m pytest tests/upgrade_scenarios --flink-version=2.2 --flink-tier=embedded -q --durations=5

# Not part of `make test`, since it needs a container engine. BASE is the image that ours are built on.
BASE ?= $(FLINK_AGENTS_TEST_FLINK_BASE_IMAGE)

test-container: $(STAMP)
	@echo "test-container: cluster suite, scenarios, parity suite, life and limits in containers (about 5 min)"
	@FLINK_AGENTS_TEST_FLINK_BASE_IMAGE=$(BASE) $(RUN) -m pytest scenarios tests/integration/cluster_suite tests/integration/engines/test_parity.py tests/container \
		--flink-version=2.2 --flink-tier=container --flink-gate --flink-policy=tests/container/policy.yaml -q --durations=5

break-rules: $(STAMP)
	@echo "break-rules: each rule of docs/semantics.md and docs/differences.md is broken in a copy, and its proof must notice (about 8 min)"
	@$(RUN) -m tests.break_each_rule

# After a change of the state's layout, or for a new Flink line; it never writes a stored one again.
savepoints: $(STAMP)
	@echo "savepoints: those that tests/savepoints lacks (about 1 min each)"
	@$(RUN) -m tests.savepoints

lint: $(STAMP)
	@$(RUN) -m ruff check --quiet .
	@$(RUN) -m ruff format --check --quiet .
	@$(RUN) -m mypy
	@$(VENV)/bin/lint-imports

# A stamp of its own: only the documentation needs these packages, and only `make docs` waits for them.
$(DOCS_STAMP): requirements/docs.txt $(STAMP)
	@echo "docs: the packages that build the site (about 10 s)"
	@$(RUN) -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements/docs.txt
	@touch $@

# Not --quiet: mkdocs counts only the warnings that it prints, so --strict would pass with broken links.
docs: $(DOCS_STAMP)
	@$(RUN) -m tools.reference docs/reference
	@NO_MKDOCS_2_WARNING=1 $(RUN) -m mkdocs build --strict --clean

# PART=NAME measures one part of bench/start_and_run.py, CHECK=1 compares the ratios with the committed ones; neither writes.
# `.ci/with-engine make bench` brings a container engine where none answers.
PART ?=
CHECK ?=

bench: $(STAMP)
	@$(RUN) -m bench.start_and_run $(PART) $(if $(CHECK),--check)

clean:
	@rm -rf $(VENV) flink-agents-report .pytest_cache .mypy_cache .ruff_cache .import_linter_cache site docs/reference
