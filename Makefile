# `make help` lists what there is. Each target installs what it needs, and says what it is doing.
SHELL := /bin/bash
CARGO ?= cargo
PYTHON ?= python3
HOST := $(shell rustc -vV 2>/dev/null | sed -n 's/^host: //p')
MUSL := $(shell uname -m)-unknown-linux-musl
# musl where its target is or can be installed, for it is smaller in memory; else static glibc. Nothing else depends on it.
# Asked when it is used, after `musl` has had its turn.
HAVE_MUSL = $(shell d=$$(rustc --print target-libdir --target $(MUSL) 2>/dev/null); ls $$d/libstd-*.rlib 2>/dev/null)
RELEASE_TARGET = $(if $(HAVE_MUSL),$(MUSL),$(HOST))
RELEASE_FLAGS := -C target-feature=+crt-static -C relocation-model=static

.DEFAULT_GOAL := help
.PHONY: help build musl release deb demo diet test test-vm simulate bench bench-quick lint fmt docs deny install clean

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## debug build of ebbd and ebb
	$(CARGO) build --locked

musl:
	@[ -n "$(HAVE_MUSL)" ] || ! command -v rustup >/dev/null || timeout 120 rustup target add $(MUSL) || true
	@[ -n "$$(ls $$(rustc --print target-libdir --target $(MUSL))/libstd-*.rlib 2>/dev/null)" ] || \
	  echo "   without $(MUSL) (rustup target add $(MUSL)) ebbd takes about 0.7 MB more memory"

release: musl ## the two binaries, small and static, in dist/
	@echo "== building the release for $(RELEASE_TARGET)"
	RUSTFLAGS="$(RELEASE_FLAGS)" $(CARGO) build --locked --release --target $(RELEASE_TARGET)
	@mkdir -p dist
	install -m 0755 target/$(RELEASE_TARGET)/release/ebbd target/$(RELEASE_TARGET)/release/ebb dist/
	@sync dist/ebbd dist/ebb # pages not yet on disk would be counted as the daemon's own
	@ls -l dist | awk 'NR>1{printf "   dist/%s  %.1f MB\n", $$9, $$5/1048576}'

deb: release ## the Debian package: dist/ebb_VERSION_ARCH.deb
	@echo "== packaging"
	@debian/make-deb $(RELEASE_TARGET)
	@if command -v lintian >/dev/null; then \
	  lintian --allow-root --fail-on error,warning dist/ebb_*.deb && \
	    echo "   lintian has nothing to say"; \
	else echo "   not looked at by lintian: it is not installed"; fi

demo: release ## the main job: a real indexer, resident against ebb, measured
	$(PYTHON) examples/search-indexer/demo.py --ebbd dist/ebbd --ebb dist/ebb

diet: release ## five ways to need less memory, each before and after, beside the figures that an article claims
	$(PYTHON) examples/memory-diet/diet.py --ebbd dist/ebbd --ebb dist/ebb $(DIET)

test: ## all tests; what needs root is named where it is skipped
	@tests/run.sh

test-vm: ## the installed ebb on a real systemd, in two guests under QEMU
	@tests/vm/run.sh

simulate: ## memory scheduling at full size: 10,000 jobs for a week, and a rush of 2,000, against what can't be beaten
	EBB_SIMULATE_LARGE=1 $(CARGO) test --locked --profile simulate --test admission -- --nocapture --test-threads 1

bench: release ## figures at rest, latency, throughput, beside cron and a C daemon; written to bench/
	$(PYTHON) bench/run.py --ebbd dist/ebbd --ebb dist/ebb --out bench

bench-quick: release ## the same in short, for a look; written to .work/
	@mkdir -p .work/bench-quick
	$(PYTHON) bench/run.py --ebbd dist/ebbd --ebb dist/ebb --quick --out .work/bench-quick

lint: ## format, clippy without warnings
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	$(CARGO) clippy --locked --test vm -- -D warnings # --all-targets leaves it out, as `cargo test` does

fmt: ## format all code
	$(CARGO) fmt

docs: ## write what is generated in docs/ and man/ anew
	EBB_BLESS=1 $(CARGO) test --locked --lib reference
	EBB_BLESS=1 $(CARGO) test --locked --test manual

deny: ## licences, advisories and sources of all dependencies (needs cargo-deny)
	$(CARGO) deny --locked check

install: ## what `make release` has built, man pages, docs and bash completion, to PREFIX (default /usr/local)
	@[ -x dist/ebbd ] || { echo "first, as yourself: make release" >&2; exit 1; }
	install -D -m 0755 -t $(DESTDIR)$(or $(PREFIX),/usr/local)/bin dist/ebbd dist/ebb
	for page in man/*.[0-9]; do \
	  install -D -m 0644 -t $(DESTDIR)$(or $(PREFIX),/usr/local)/share/man/man$${page##*.} $$page || exit 1; done
	for file in $$(cat debian/ebb.docs debian/linked-docs); do \
	  install -D -m 0644 $$file $(DESTDIR)$(or $(PREFIX),/usr/local)/share/doc/ebb/$$file || exit 1; done
	install -d $(DESTDIR)$(or $(PREFIX),/usr/local)/share/bash-completion/completions
	dist/ebb completions bash >$(DESTDIR)$(or $(PREFIX),/usr/local)/share/bash-completion/completions/ebb

clean: ## remove what was built and measured
	$(CARGO) clean
	rm -rf dist .work
