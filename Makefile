# Two commands do everything: `make run` serves the dashboard, `make test` proves it.
# Each creates the environment first when it is missing or out of date.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
MB ?= 512

.PHONY: env run test check lint unit e2e limits dyno deploy-check proof lock chromium gomp clean

env: $(STAMP)

$(STAMP): requirements-dev.lock requirements-data.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed."; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { echo "The venv module is needed: apt-get install python3-venv"; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --require-virtualenv -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --no-deps -r requirements-data.txt
	@$(BIN)/python -m compileall -q -j 0 $(VENV)/lib >/dev/null || true  # by all processors: pip uses one
	@touch $(STAMP)

run: env
	$(BIN)/python -m dashapp serve

# All in one go: browser and memory tests wait now and then, and others work meanwhile.
test: lint chromium
	$(BIN)/python -m pytest tests/dyno tests/e2e tests/unit -n 3 --dist worksteal -rs

check: lint unit

lint: env
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .

unit: env
	$(BIN)/python -m pytest tests/unit -n 2

e2e: env chromium
	$(BIN)/python -m pytest tests/e2e -n 2

limits: env chromium
	$(BIN)/python -m pytest tests/dyno -n 2 -rs

# Serve from a memory cgroup of MB megabytes, on fresh data, and say what it holds: make dyno MB=512.
# As root, or where systemd makes the group.
dyno: env
	$(BIN)/python -m tests.dyno.dyno $(MB)

# What a platform does: requirements.txt alone in a fresh environment, the Procfile's line in 512 and in 1,024 MB.
deploy-check:
	$(PYTHON) -m tests.dyno.deploy

proof: env chromium
	$(BIN)/python -m tests.bench.proof $(ONLY)

# Browser tests are never skipped: without Chromium this stops, and says how to get it. Its shell without a window
# is quicker, and is installed where that needs no question.
chromium: gomp
	@command -v chromium-headless-shell >/dev/null 2>&1 || { \
	  [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 && apt-get update -qq && \
	  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium-headless-shell >/dev/null; \
	} || command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1 || { \
	  echo "Browser tests need Chromium: sudo apt-get install chromium"; exit 1; }

# LightGBM needs the system's OpenMP; most systems have it.
gomp:
	@ldconfig -p 2>/dev/null | grep -q libgomp.so.1 || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 && \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends libgomp1 >/dev/null; } || true

lock: env
	$(BIN)/python -m piptools compile --quiet --strip-extras --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --output-file requirements.lock requirements.txt
	$(BIN)/python -m piptools compile --quiet --strip-extras --allow-unsafe --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --constraint requirements.lock --output-file requirements-dev.lock requirements-dev.txt

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis
