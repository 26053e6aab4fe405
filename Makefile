# Every target makes .venv and installs what it needs; python3, pip and make are enough to begin with.
PYTHON ?= python3
BIN := .venv/bin

ifneq ($(wildcard ../shared/data),)
export MICROTOME_DATA ?= $(abspath ../shared/data)
endif

.PHONY: demo test check check-all bench figures clean help

help:
	@echo "make demo       the whole loop on real data, with a report: demo/report.html"
	@echo "make test       the tests, five minutes at most"
	@echo "make check      format, lint, types, layers"
	@echo "make check-all  check and test, the slow tests too"
	@echo "make bench      measure what figures.toml asks for; writes benchmarks/results/"
	@echo "make figures    print every figure with its bar"

.venv/core: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	@touch $@

.venv/dev: .venv/core
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@

.venv/bench: .venv/dev
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[bench]'
	@touch $@

demo: .venv/core
	$(BIN)/microtome demo

test: .venv/dev
	$(BIN)/python -m pytest -q -m "not slow and not gpu"

check: .venv/dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check-all: check
	$(BIN)/python -m pytest -q -m "not gpu"

bench: .venv/bench
	$(BIN)/python benchmarks/bench_speed.py
	$(BIN)/python benchmarks/bench_start.py
	$(BIN)/python benchmarks/bench_tests.py
	$(BIN)/python benchmarks/bench_supervision.py
	$(BIN)/python benchmarks/bench_resume.py
	$(BIN)/python benchmarks/bench_demo.py
	$(BIN)/python benchmarks/bench_demo.py --baselines

figures: .venv/core
	$(BIN)/python benchmarks/figures.py

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis
