# Visavis. `make help` lists the targets.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check
# Debian's packages are installed by root; somebody else is asked by sudo.
ROOT := $(if $(filter 0,$(shell id -u)),,sudo)
# Only what is missing: Debian's npm refuses to stand beside a Node.js from elsewhere, which brings its own.
MISSING = $(strip $(if $(shell command -v chromium),,chromium) $(if $(shell command -v npm),,nodejs npm))

# For tests that no clock judges; a file's own tests share what they load.
PARALLEL := -n auto --dist loadfile

.PHONY: help setup setup-all run check test unit train rtc e2e gpu bench

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# silero-vad's wheel carries the model; without --no-deps it would bring torch into serving.
$(VENV)/.setup: pyproject.toml | $(BIN)/python
	$(PIP) -e .
	$(PIP) --no-deps silero-vad==6.2.3
	touch $@

# First what can't be had by pip, so that nobody waits minutes to hear of it.
$(VENV)/.setup-all: $(VENV)/.setup pyproject.toml package-lock.json
	@$(if $(MISSING),$(ROOT) apt-get update -q && $(ROOT) apt-get install -y -q --no-install-recommends $(MISSING))
	npm ci --silent
	$(PIP) -e '.[espeak,tensorrt-rtx,train,test]'
	touch $@

setup: $(VENV)/.setup ## what serving needs

setup-all: $(VENV)/.setup-all ## what training, evaluation and the tests need

run: setup ## serve the page on http://127.0.0.1:8000
	$(BIN)/visavis serve

check: setup-all ## lint and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --warnings
	npx tsc --noEmit -p web_client/jsconfig.json

unit: setup-all ## virtual time, no network
	$(BIN)/pytest $(PARALLEL) tests/unit

train: setup-all ## fits something small
	$(BIN)/pytest $(PARALLEL) tests/train

rtc: setup-all ## two real peers in one process
	$(BIN)/pytest tests/rtc

e2e: setup-all ## real browser, real clients
	$(BIN)/pytest tests/e2e

gpu: setup-all ## the face on an NVIDIA GPU; skipped where there is none
	$(BIN)/pytest tests/gpu -rs

test: check ## everything
	$(BIN)/pytest $(PARALLEL) tests/unit tests/train
	$(BIN)/pytest tests/rtc tests/e2e tests/gpu

bench: setup-all ## every measurement but the soak; writes out/bench.html
	mkdir -p out
	$(BIN)/visavis bench all --html out/bench.html --markdown out/bench.md --save out/bench.json
