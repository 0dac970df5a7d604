# Each target sets up what it needs. `make help` lists them.

PYTHON ?= python3
VENV := .venv
PEERS := .venv-bench
BIN := $(VENV)/bin
UV := $(BIN)/uv
IN_VENV := VIRTUAL_ENV=$(abspath $(VENV)) PATH=$(abspath $(BIN)):$$PATH
TIME ?= 60
SEED ?= 0
STEP ?= 1
FUZZ_TARGETS := $(sort $(basename $(notdir $(wildcard fuzz/fuzz_targets/*.rs))))
FUZZ_LIMITS := -max_total_time=$(TIME) -seed=$(SEED) -max_len=40960 -rss_limit_mb=2048 -malloc_limit_mb=512 -timeout=20
RUST := Cargo.toml Cargo.lock $(shell find crates enclave-runtime -name boot-test -prune -o -name from_debian -prune -o -name kms-double -prune -o \
	\( -name '*.rs' -o -name '*.py' -o -name Cargo.toml \) -print)

.PHONY: help demo test test-rust test-python kernel image-test image-oracle mutations lint audit fuzz bench site wheels lock clean

help:  ## What there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "make %-12s %s\n", $$1, $$2}'

demo: $(VENV)/.built  ## Deploy and run a function in a local enclave, and show the proof
	$(BIN)/cape demo

test: test-rust wheels test-python  ## All tests, Rust and Python, the wheels among them

test-rust:
	cargo test --locked --no-fail-fast --workspace --exclude cape-core
	cargo test --locked --no-fail-fast -p cape-core
	cargo test --locked --no-fail-fast -p cape-core --no-default-features --features aws-lc

test-python: $(VENV)/.built
	$(BIN)/pytest

kernel:  ## The kernel of enclave images: prints where it is, built when it is not in the cache
	@PYTHON=$(PYTHON) enclave-runtime/kernel/build

image-test: $(VENV)/.built  ## Our image, booted under QEMU, and tested: minutes, and more where QEMU and kernel are not built yet
	enclave-runtime/boot-test/run

image-oracle:  ## Images held against AWS's library and GNU cpio: needs OpenSSL's headers and cpio; minutes
	CARGO_TARGET_DIR=$(abspath target)/image-oracle cargo test --locked --manifest-path crates/cape-eif/oracle/Cargo.toml

lint: $(VENV)/.built  ## Formatting, lints, types
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	cargo fmt --manifest-path enclave-runtime/boot-test/Cargo.toml --check
	CARGO_TARGET_DIR=$(abspath target)/boot-test cargo clippy --locked --manifest-path enclave-runtime/boot-test/Cargo.toml --all-targets -- -D warnings
	cargo fmt --manifest-path crates/cape-eif/oracle/Cargo.toml --check
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

mutations:  ## Every changed bit of the real documents beside this checkout is refused; one of STEP (1): minutes
	CAPE_MUTATIONS_STEP=$(STEP) cargo test --release --locked -p cape-core --no-default-features --features aws-lc --test attest_rules changed_bits -- --nocapture

audit:  ## Dependencies: licences, sources, duplicates, lock files
	cargo deny --version >/dev/null 2>&1 || cargo install --quiet --locked cargo-deny
	cargo deny --locked check bans licenses sources
	cargo deny --locked --manifest-path fuzz/Cargo.toml --config deny.toml check bans licenses sources
	for tests in enclave-runtime/boot-test crates/cape-eif/oracle; do \
		cargo deny --locked --manifest-path $$tests/Cargo.toml --config deny.toml check licenses sources || exit; \
	done

fuzz:  ## Search for inputs that break a property, TIME (60) seconds for each target; SEED repeats a search
	cargo fuzz --version >/dev/null 2>&1 || cargo install --quiet --locked cargo-fuzz
	cargo fetch --quiet --locked --manifest-path fuzz/Cargo.toml
	cargo run --quiet --locked --package cape-properties -- fuzz/corpus
	RUSTC_BOOTSTRAP=1 cargo fuzz build --fuzz-dir fuzz
	for target in $(FUZZ_TARGETS); do \
		RUSTC_BOOTSTRAP=1 cargo fuzz run --fuzz-dir fuzz $$target fuzz/corpus/$$target -- $(FUZZ_LIMITS) || exit; \
	done

bench: wheels $(PEERS)/.installed  ## Speed, beside real peers
	cargo build --locked --release --package cape-bare
	$(BIN)/python -m benches

site: $(VENV)/.built  ## The documentation's site, into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

wheels: $(VENV)/.built  ## dist/: the wheels of pycape and cape-enclave
	rm -rf dist
	$(BIN)/maturin build --release --locked --out dist
	$(BIN)/maturin build --release --locked --out dist --manifest-path enclave-runtime/Cargo.toml

lock: $(VENV)/.tools  ## Resolve the environments of development and of benches' peers anew
	for name in development benches; do \
		$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
			--no-emit-index-url --output-file requirements/$$name.txt requirements/$$name.in || exit; \
	done

clean:  ## Remove everything that was built
	rm -rf target fuzz/target fuzz/corpus fuzz/artifacts dist site $(VENV) $(PEERS) python/pycape/_core*.so

# The environment, its tools, and this checkout built into it.

$(VENV)/.tools: requirements/development.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=python3.12")'
	test -x $(UV) || { $(PYTHON) -m venv $(VENV) && $(BIN)/pip install --quiet --disable-pip-version-check uv; }
	$(UV) pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes --requirement requirements/development.txt
	touch $@

$(VENV)/.built: $(VENV)/.tools pyproject.toml enclave-runtime/pyproject.toml $(RUST)
	$(IN_VENV) maturin develop --uv --quiet --release --locked
	$(IN_VENV) maturin develop --uv --quiet --release --locked --manifest-path enclave-runtime/Cargo.toml
	touch $@

# Peers of the benchmarks: an environment of their own, since one of them is an older pycape.

$(PEERS)/.installed: requirements/benches.txt $(VENV)/.tools
	$(UV) venv --quiet --clear --python $(BIN)/python $(PEERS)
	$(UV) pip install --quiet --compile-bytecode --python $(PEERS)/bin/python --require-hashes --requirement requirements/benches.txt
	touch $@
