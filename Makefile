# Run `make` to see what it can do. Needs Python 3.11 or newer, make and git; everything else is
# installed under .venv from the locks in requirements/.

HOST ?= 127.0.0.1
PORT ?= 8000
export HOST PORT

BIN := .venv/bin
PIP_INSTALL := pip install --require-hashes --disable-pip-version-check --no-compile --quiet
UV_COMPILE := $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate --no-emit-index-url --no-emit-find-links --quiet
# The frameworks are tested on the processor, in an environment of their own. DeepSpeed is built from
# source beside an installed PyTorch, without its kernels.
TORCH := torch==2.13.0
FRAMEWORKS := .venv-conformance/bin
NPM_CI := npm ci --ignore-scripts --no-audit --no-fund
VENDORED := node_modules/htmx.org/dist/htmx.min.js \
	node_modules/plotly.js-basic-dist-min/plotly-basic.min.js \
	node_modules/@fontsource-variable/inter/files/inter-latin-wght-normal.woff2 \
	node_modules/@fontsource-variable/jetbrains-mono/files/jetbrains-mono-latin-wght-normal.woff2
# What PDF files are set in: one for the page, the others for the scripts that it lacks.
PDF_FONTS := inter noto-sans-arabic noto-sans-devanagari noto-sans-hebrew noto-sans-jp noto-sans-kr \
	noto-sans-sc noto-sans-thai

.DEFAULT_GOAL := help
.PHONY: help run test check format docs accuracy conformance soak bench cold-start assets lock clean

help: ## Show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: .venv/.runtime ## Serve on http://127.0.0.1:8000 (HOST and PORT change it)
	$(BIN)/python -m app.main

test: .venv/.dev ## Run the test suite
	$(BIN)/python -m pytest --numprocesses 2

check: .venv/.dev ## Lint, formatting, types, import contracts, locks
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python -m pytest --quiet tests/architecture/test_locks.py

format: .venv/.dev ## Format the code and apply safe fixes
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

docs: .venv/.runtime ## Write the reference of formulas from the code
	$(BIN)/python -m app.reference

accuracy: .venv/.runtime ## Print the engine's error on every measured run, write docs/accuracy.md
	$(BIN)/python -m app.accuracy --document docs/accuracy.md

conformance: .venv/.dev .venv-conformance/.installed ## Hold the files that we write against the frameworks that read them (SHORT=1: fewer)
	$(BIN)/python -m tests.conformance.grid
	$(FRAMEWORKS)/python -m pytest --quiet -p conftest --confcutdir tests/conformance -W ignore \
		$(if $(SHORT),-m "not slow") tests/conformance

soak: .venv/.dev ## Kill, fill, race and fuzz the running product (SHORT=1: fewer rounds)
	SHARDPLAN_TEST_SOAK=$(if $(SHORT),short,long) $(BIN)/python -m pytest -m soak tests/soak

bench: .venv/.dev ## Measure the engine, the API under load and a worker's memory
	$(BIN)/python -m benchmarks

cold-start: ## Time `make run` in a fresh clone to its first page
	./benchmarks/cold_start.sh

assets: static/vendor/.installed ## Install local copies of the browser libraries (needs npm)

lock: .venv/.dev ## Resolve the dependencies again, keeping every pin that still fits
	$(UV_COMPILE) pyproject.toml --output-file requirements/runtime.txt
	$(UV_COMPILE) pyproject.toml --group dev --constraints requirements/runtime.txt \
		--output-file requirements/dev.txt
	DS_BUILD_OPS=0 $(UV_COMPILE) --group conformance --override requirements/without-torch.txt \
		--output-file requirements/conformance.txt
	npm install --package-lock-only --ignore-scripts --omit-lockfile-registry-resolved

clean: ## Remove everything that was installed or built; data/ stays
	rm -rf .venv .venv-conformance node_modules static/vendor build *.egg-info .mypy_cache \
		.pytest_cache .ruff_cache .import_linter_cache .hypothesis

# The first interpreter on the path that is new enough; a `python3` that is too old is passed over.
.venv/bin/python:
	@for candidate in python3 python3.14 python3.13 python3.12 python3.11; do \
		if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
			echo "Creating .venv with $$("$$candidate" --version)"; \
			exec "$$candidate" -m venv .venv; \
		fi; \
	done; \
	echo "Shardplan needs Python 3.11 or newer: no such python3 is on the PATH." >&2; exit 1

.venv/.runtime: requirements/runtime.txt | .venv/bin/python
	$(BIN)/$(PIP_INSTALL) -r requirements/runtime.txt
	@touch $@

.venv/.dev: requirements/dev.txt .venv/.runtime
	$(BIN)/$(PIP_INSTALL) -r requirements/dev.txt
	@touch $@

.venv-conformance/.installed: requirements/conformance.txt | .venv/bin/python
	$(BIN)/python -m venv --clear .venv-conformance
	$(FRAMEWORKS)/pip install --disable-pip-version-check --quiet $(TORCH) setuptools wheel
	DS_BUILD_OPS=0 $(FRAMEWORKS)/$(PIP_INSTALL) --no-deps --no-build-isolation -r $<
	@touch $@

static/vendor/.installed: package.json package-lock.json
	$(NPM_CI)
	mkdir -p static/vendor
	cp $(VENDORED) static/vendor/
	for font in $(PDF_FONTS); do mkdir -p static/vendor/pdf/$$font && cp node_modules/@fontsource/$$font/unicode.json node_modules/@fontsource/$$font/files/*-[46]00-normal.woff2 static/vendor/pdf/$$font/; done
	@touch $@
