# Every target makes .venv and installs what it needs; python3, pip and make are enough to begin with.
PYTHON ?= python3
BIN := .venv/bin

ifneq ($(wildcard ../shared/data),)
export MICROTOME_DATA ?= $(abspath ../shared/data)
endif

.PHONY: demo test check check-all bench bench-page bench-strategies bench-objects bench-grow bench-peers studies figures clean help

help:
	@echo "make demo       the whole loop on real data, with a report: demo/report.html"
	@echo "make test       the tests, five minutes at most"
	@echo "make check      format, lint, types, layers"
	@echo "make check-all  check and test, the slow tests too"
	@echo "make bench-page measure the labelling and the proofreading page; needs Chromium"
	@echo "make bench-strategies  the scale of query strategies"
	@echo "make bench-objects     single objects: features, selection, the ablation, two rounds; hours"
	@echo "make bench-grow        growing from one section, and ensembles; hours"
	@echo "make bench-peers       against programs of others, in an environment of their own"
	@echo "make studies    run every study of benchmarks/specs but tier C: hours; goes on where it stopped"
	@echo "make bench      measure what figures.toml asks for; writes benchmarks/results/"
	@echo "make figures    print every figure with its bar"

.venv/core: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	@touch $@

.venv/dev: .venv/core tests/peers.txt
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	$(BIN)/python -m pip install --quiet --no-deps --requirement tests/peers.txt
	@touch $@

.venv/bench: .venv/dev
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[bench]'
	@touch $@

demo: .venv/core
	$(BIN)/microtome demo

# The page's JavaScript is checked with Node's tools; who lacks Node.js can do without them.
node_modules/.package-lock.json: package.json package-lock.json
	@if command -v npm > /dev/null; then npm ci --silent --no-audit --no-fund; \
	else echo "skipped: the page's JavaScript is not checked without npm (apt-get install npm)"; fi

NPM := $(if $(shell command -v npm),npm run --silent,@true)

# A process that crashes would leave xdist waiting for ever, were it replaced.
TESTS := -q -n auto --dist loadfile --max-worker-restart 0

test: .venv/dev node_modules/.package-lock.json
	$(NPM) test
	$(BIN)/python -m pytest $(TESTS) -m "not slow and not gpu"

check: .venv/dev node_modules/.package-lock.json
	$(NPM) types
	$(NPM) lint
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/ruff check --isolated --select F821 benchmarks tests
	$(BIN)/mypy
	$(BIN)/lint-imports

check-all: check
	$(BIN)/python -m pytest $(TESTS) -m "not gpu"

# What takes long and goes on where it stopped is kept in WORK.
WORK := .work
bench: .venv/bench
	$(BIN)/python benchmarks/bench_speed.py
	$(BIN)/python benchmarks/bench_engines.py
	$(BIN)/python benchmarks/bench_precision.py
	$(BIN)/python benchmarks/bench_gpu.py
	$(BIN)/python benchmarks/bench_start.py
	$(BIN)/python benchmarks/bench_tests.py
	$(BIN)/python benchmarks/bench_supervision.py
	$(BIN)/python benchmarks/bench_resume.py
	$(BIN)/python benchmarks/bench_segment_kill.py
	$(BIN)/python benchmarks/bench_dask.py
	$(BIN)/python benchmarks/bench_volumes.py --work $(WORK)/volumes
	rm -r $(WORK)/volumes
	$(BIN)/python benchmarks/bench_scaling.py
	$(BIN)/python benchmarks/bench_components.py
	$(BIN)/python benchmarks/bench_instances.py
	$(BIN)/python benchmarks/bench_measure.py
	$(BIN)/python benchmarks/bench_demo.py
	$(BIN)/python benchmarks/bench_demo.py --baselines

bench-page: .venv/dev
	$(BIN)/python benchmarks/bench_page_first.py
	$(BIN)/python benchmarks/bench_page_load.py
	$(BIN)/python benchmarks/bench_page_brush.py
	$(BIN)/python benchmarks/bench_page_kill.py
	$(BIN)/python benchmarks/bench_page_hostile.py
	$(BIN)/python benchmarks/bench_proofread.py

bench-strategies: .venv/dev
	$(BIN)/python benchmarks/bench_selection.py
	$(BIN)/python benchmarks/bench_study_resume.py

# Hours: cells are kept in benchmarks/results, projects and networks in WORK.
bench-objects: .venv/dev
	$(BIN)/python benchmarks/bench_objects.py
	$(BIN)/python benchmarks/bench_object_features.py
	$(BIN)/python benchmarks/bench_objects_ablation.py --work $(WORK)/ablation
	$(BIN)/python benchmarks/bench_object_rounds.py $(WORK)/rounds

bench-grow: .venv/dev
	$(BIN)/python benchmarks/bench_ensemble.py
	$(BIN)/python benchmarks/bench_grow.py --work $(WORK)/grow
	$(BIN)/python benchmarks/bench_grow_ways.py --work $(WORK)/grow

.venv-peers/done: benchmarks/peers.txt constraints.txt
	$(PYTHON) -m venv .venv-peers
	.venv-peers/bin/python -m pip install --quiet --constraint constraints.txt torch
	.venv-peers/bin/python -m pip install --quiet --constraint constraints.txt --no-deps -r benchmarks/peers.txt
	.venv-peers/bin/python -m pip install --quiet --no-deps --editable .
	@touch $@

bench-peers: .venv-peers/done
	.venv-peers/bin/python benchmarks/bench_scoring.py

STUDIES := $(patsubst benchmarks/specs/%.toml,%,$(filter-out %-c.toml,$(wildcard benchmarks/specs/*.toml)))

# Tier C (specs *-c.toml) is for a GPU: each by hand. Each study goes on where it stopped; its cells are in benchmarks/results/NAME, and are part of the repository,
# the page is not: it shows data that may not be passed on.
studies: .venv/dev
	for name in $(STUDIES); do \
	  $(BIN)/microtome benchmark run benchmarks/specs/$$name.toml --out benchmarks/results/$$name && \
	  $(BIN)/microtome benchmark report benchmarks/results/$$name || exit 1; \
	done
	$(BIN)/python benchmarks/bench_strategies.py
	$(BIN)/python benchmarks/which_strategy.py

figures: .venv/core
	$(BIN)/python benchmarks/figures.py

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis
