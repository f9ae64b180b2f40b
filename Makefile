# `make demo` and `make test` need nothing but Python 3.11 or newer: each makes .venv when it is missing.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.installed
DOCS_READY := $(VENV)/.docs-installed

# Where `make note` writes. With NOTE_OUT=figures it renews the results of the repository.
NOTE_OUT ?= out/note

# Pages are opened in a real browser where there is one; CI installs one.
BROWSER := $(firstword $(foreach name,chromium chromium-browser google-chrome chrome,$(shell command -v $(name))))

.PHONY: demo test test-slow coverage note note-dominance docs notebooks benchmark clean

demo: $(READY)
	@echo "== Training the two toy networks and analysing each (results in out/)"
	$(BIN)/compgraph demo --out out

test: $(READY)
	@echo "== Style"
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@echo "== Types"
	$(BIN)/mypy
	@echo "== Order of imports"
	$(BIN)/lint-imports
	@echo "== Tests"
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadscope$(if $(BROWSER),, -m 'not slow and not browser')
ifeq ($(BROWSER),)
	@echo "== NO BROWSER: pages were not opened. Install chromium and run make test again."
endif

test-slow: $(READY)
	@echo "== Tests that take longer: the demo, and processes of their own"
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist worksteal -m slow

# Counting lines takes half as long again as the tests themselves, and nothing fails by it.
coverage: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadscope -m '' --cov --cov-report=term:skip-covered

note: $(READY)
	@echo "== Tests of the note's measures, pictures and experiments"
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist worksteal -m '' tests/note examples/note
	@echo "== The note's experiments on 100 networks (results in $(NOTE_OUT))"
	$(BIN)/python examples/note/reproduce.py --out $(NOTE_OUT)

note-dominance: $(READY)
	$(BIN)/python examples/note/dominance.py

benchmark: $(READY)
	$(BIN)/python -m pip install -q -c constraints.txt -e ".[benchmark]"
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/collecting.py
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/partial_least_squares.py
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/memory.py
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/speed.py
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/growth.py
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/recovery.py
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/untrained.py

docs: $(DOCS_READY)
	@echo "== Building the pages, offline and with warnings as errors (docs/_build/html/index.html)"
	OMP_NUM_THREADS=1 $(BIN)/python -m sphinx -q -W --keep-going -b html -d docs/_build/doctrees docs docs/_build/html

notebooks: $(DOCS_READY)
	@echo "== Running the notebooks of docs/ and keeping what they print"
	OMP_NUM_THREADS=1 $(BIN)/python docs/notebooks/run.py

$(DOCS_READY): $(READY)
	@echo "== Installing what builds the pages"
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e ".[docs]"
	@touch $@

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "compgraph needs Python 3.11 or newer; $(PYTHON) is older. Say which to use: make PYTHON=python3.12 ..."; exit 1; }
	@echo "== Making $(VENV) and installing compgraph with its dependencies (one to three minutes, once)"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e ".[test]"
	@touch $@

clean:
	rm -rf $(VENV) out docs/_build docs/gallery .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage
