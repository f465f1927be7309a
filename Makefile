# Slipway's commands. Everything installs into .venv and node_modules of this folder; nothing needs root but Debian's own Chromium.
# PORT, SLIPWAY_HOME, TORCH_INDEX, REDIS_URL, DATABASE_URL and STORAGE_URL are honoured; see README.md.

VENV := .venv
PY := $(VENV)/bin/python
CONTROL := .venv-control
DIST := frontend_templates/assets/dist
export PYTHONPATH := platform:.
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Waiting threads sleep instead of spinning: several busy processes on few cores otherwise stop one another.
export OMP_WAIT_POLICY := PASSIVE

# A stamp's name carries the hash of what it was made from: a second run finds it and does nothing.
hash = $(shell cat $(1) 2>/dev/null | sha256sum | cut -c1-16)
REQUIREMENTS := requirements.txt platform/requirements.txt workers/requirements.txt deploy/samples-requirements.txt
INSTALLED := $(VENV)/installed-$(call hash,$(REQUIREMENTS))
TESTABLE := $(VENV)/testable-$(call hash,$(REQUIREMENTS) tests/requirements.txt)
LIGHT := $(CONTROL)/installed-$(call hash,platform/requirements.txt tests/requirements.txt)
MODULES := node_modules/installed-$(call hash,package.json package-lock.json)
SOURCES := $(shell find frontend_templates platform/controlplane package*.json vite.config.ts tsconfig.json -type f \
	-not -path '*/dist/*' -not -path '*/migrations/*' -not -name '*.pyc' | sort)
BUILT := $(DIST)/built-$(call hash,$(SOURCES))
COMPILED := $(patsubst %.po,%.mo,$(shell find platform/locale -name '*.po' 2>/dev/null))
NPM = PATH="$$($(PY) platform/find.py node):$$PATH" npm

.PHONY: up demo install check test test-control test-tools browser pictures bench quality clean
.DELETE_ON_ERROR:

up: install
	@exec $(PY) platform/up.py

demo: install
	@exec $(PY) platform/up.py --demo

install: $(INSTALLED) $(BUILT) $(COMPILED)

$(VENV)/bin/pip:
	@python=$$(sh deploy/python.sh) && echo "Making $(VENV) with $$python" && "$$python" -m venv --clear $(VENV)

# torch comes first and on its own line: its source can be chosen, and nothing that follows may move it.
$(INSTALLED): | $(VENV)/bin/pip
	$(PY) -m pip install --quiet $(if $(TORCH_INDEX),--no-deps --index-url "$(TORCH_INDEX)") $(shell grep '^torch==' workers/requirements.txt)
	$(PY) -m pip install --quiet --use-pep517 -r requirements.txt -r deploy/samples-requirements.txt
	@$(PY) platform/find.py link
	@rm -f $(VENV)/installed-* && touch $@

$(TESTABLE): | $(INSTALLED)
	$(PY) -m pip install --quiet -r tests/requirements.txt
	@rm -f $(VENV)/testable-* && touch $@

$(LIGHT): | $(VENV)/bin/pip
	@test -x $(CONTROL)/bin/pip || $(PY) -m venv --clear $(CONTROL)
	$(CONTROL)/bin/python -m pip install --quiet -r platform/requirements.txt -r tests/requirements.txt
	@rm -f $(CONTROL)/installed-* && touch $@

$(MODULES): | $(INSTALLED)
	$(NPM) ci --no-audit --no-fund --loglevel=error
	@touch $@

$(BUILT): | $(MODULES)
	$(NPM) run --silent build -- --logLevel warn
	@touch $@

%.mo: %.po | $(INSTALLED)
	@$(PY) platform/translations.py compile

check: $(TESTABLE) $(COMPILED)
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy platform/controlplane platform/runner platform/up.py platform/find.py platform/translations.py docs/filemap.py docs/guide workers deploy/demo.py manage.py
	$(VENV)/bin/lint-imports
	$(PY) platform/translations.py check
	$(PY) docs/guide/tables.py check
	$(PY) docs/filemap.py check

browser: $(TESTABLE)
	@$(PY) platform/find.py chromium >/dev/null 2>&1 || $(PY) platform/runner/browser.py
	@$(PY) platform/find.py >/dev/null

test-tools: $(TESTABLE)

# The browser's tests run in a call of their own: playwright's loop and asyncio's tests do not share a process.
test: install $(TESTABLE) $(LIGHT) browser
	@$(PY) tests/run.py

test-control: $(LIGHT) $(INSTALLED)
	$(CONTROL)/bin/python -m pytest -p no:playwright tests/controlplane

# The pictures of README and guide, from a platform of its own.
pictures: install $(TESTABLE) browser
	@$(PY) -m tests.browser.pictures

bench: install $(TESTABLE) browser
	@$(PY) -m pip install --quiet -r tests/benchmarks/requirements.txt
	@for file in tests/benchmarks/[a-z]*.py; do echo "== $$file"; $(PY) -m tests.benchmarks.$$(basename $$file .py) || exit 1; done

quality: install $(TESTABLE)
	@for file in tests/quality/[a-z]*.py; do echo "== $$file"; $(PY) -m tests.quality.$$(basename $$file .py) || exit 1; done

clean:
	rm -rf $(VENV) $(CONTROL) node_modules $(DIST) .tools .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
