# Each target installs what it needs; see `make help`.
PREFIX ?= /usr/local

# Under cron and sudo, PATH has neither what rustup installs nor the system's own programs.
export PATH := $(PATH):$(or $(CARGO_HOME),$(HOME)/.cargo)/bin:/usr/local/sbin:/usr/sbin:/sbin

.PHONY: help build install uninstall dist dist-twice test-dist release demo demo-lab demo-fleet picture lab test test-engines test-debian test-kernels test-debian12 test-debian13 test-labels test-links test-fleet test-browser bench fuzz portable lint deny manual docs

help: ## Show this list
	@echo "nicon: wire and enter deeply nested containers. Targets:"
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# The target that the programs are built for.
build install demo demo-lab demo-fleet picture lab bench test-dist: export CARGO_BUILD_TARGET ?= $(shell PATH="$(PATH)" .cargo/target)

build: ## Build the static release programs
	cargo build --release --workspace --exclude nicon-tests --bins --locked

# Each has a man page; what else is built belongs to the tests.
PROGRAMS := $(basename $(notdir $(wildcard docs/man/*.1)))
INTO = $(DESTDIR)$(PREFIX)

install: build ## Copy them, their man pages, completions, documents and licences to $(DESTDIR)$(PREFIX)
	install -D -t $(INTO)/bin $(PROGRAMS:%=$(or $(CARGO_TARGET_DIR),target)/$(CARGO_BUILD_TARGET)/release/%)
	install -D -m 644 -t $(INTO)/share/man/man1 docs/man/*.1
	install -D -m 644 -t $(INTO)/share/man/man7 docs/man/*.7
	install -D -m 644 -t $(INTO)/share/bash-completion/completions docs/completions/bash/*
	install -D -m 644 -t $(INTO)/share/zsh/site-functions docs/completions/zsh/*
	install -D -m 644 -t $(INTO)/share/fish/vendor_completions.d docs/completions/fish/*
	install -D -m 644 -t $(INTO)/share/doc/nicon LICENSE-* CHANGELOG.md docs/*.*

uninstall: ## Remove from $(DESTDIR)$(PREFIX) what `make install` copies there
	rm -f $(PROGRAMS:%=$(INTO)/bin/%) $(PROGRAMS:%=$(INTO)/share/man/man1/%.1) $(INTO)/share/man/man7/nicon.7
	rm -f $(PROGRAMS:%=$(INTO)/share/bash-completion/completions/%) $(PROGRAMS:%=$(INTO)/share/zsh/site-functions/_%)
	rm -f $(PROGRAMS:%=$(INTO)/share/fish/vendor_completions.d/%.fish)
	rm -rf $(INTO)/share/doc/nicon

# DIST_TARGETS takes one of them.
dist: ## Make tarballs, .deb, .rpm and images of the last commit, for x86_64 and arm64, below target/dist
	@tests/lab/install-packages --without-lab dist image
	dist/make

dist-twice: ## Make them in two folders with two CARGO_HOMEs, and compare every byte
	@tests/lab/install-packages --without-lab dist image
	dist/twice

test-dist: ## Install, run and remove what `make dist` made, in bare Debians 12 and 13 and by rpm; run arm64 under QEMU (as root)
	@tests/lab/install-packages dist image root
	dist/test-deb bookworm trixie
	dist/test-rpm
	dist/test-arm64-units
	@cargo build --quiet --workspace --bins --locked
	for test in image arm64; do cargo run --quiet --locked --package nicon-tests --bin nicon-lab -- run dist/test-$$test || exit; done
	@tests/machine/make-root trixie
	dist/test-pod trixie

release: ## Cut VERSION: set it everywhere, close the CHANGELOG's open section, commit, tag, make the packages; nothing leaves this machine
	@test -n "$(VERSION)" || { echo "make release: which one? VERSION=0.1.0" >&2; exit 2; }
	PATH="$$(dist/install-tools cargo-release):$$PATH" cargo release --execute --no-confirm "$(VERSION)"
	$(MAKE) dist
	@echo "To publish it: git push --follow-tags; cargo publish --workspace --locked; and the files of target/dist."

demo: ## Show it: move a NIC into a container three Docker daemons deep (as root)
	@tests/lab/install-packages
	@cargo build --quiet --release --workspace --bins --locked
	@cargo run --quiet --release --locked --package nicon-tests --bin nicon-lab -- run tests/lab/demo.sh

demo-lab: ## Show a whole lab: 20 containers over three depths, 60 links from one file, wired and taken away (as root)
	@tests/lab/install-packages
	@cargo build --quiet --release --workspace --bins --locked
	@cargo run --quiet --release --locked --package nicon-tests --bin nicon-lab -- run tests/lab/demo-lab.sh

demo-fleet: ## Show a lab over three machines: wired by Ansible, repaired, and taken away (as root)
	@tests/lab/install-packages fleet
	@tests/machine/make-root trixie fleet
	@tests/fleet/install-ansible
	@cargo build --quiet --release --workspace --bins --locked
	@cargo run --quiet --release --locked --package nicon-tests --bin nicon-lab -- fleet tests/lab/demo-fleet.sh

picture: ## Draw README's picture, docs/nest.svg, anew (as root)
	@tests/lab/install-packages
	@cargo build --quiet --release --workspace --bins --locked
	@cargo run --quiet --release --locked --package nicon-tests --bin nicon-lab -- run tests/lab/picture.sh docs/nest.svg

lab: ## Open a shell beside a nest of three Docker daemons (as root)
	@tests/lab/install-packages
	@cargo build --quiet --release --workspace --bins --locked
	@cargo run --quiet --release --locked --package nicon-tests --bin nicon-lab -- run $${SHELL:-sh}

test: ## Run the unit and the integration tests, on a real nested Docker (as root)
	@tests/lab/install-packages
	NICON_MUST_RUN=1 NICON_AGAIN=3 cargo test --workspace --locked

# SUITE takes another of Debian's.
test-engines: SUITE ?= trixie
test-engines: ## Run those that want machines with systemd and the engines of Debian 13 (as root)
	@tests/lab/install-packages image
	@tests/machine/make-root $(SUITE)
	NICON_MUST_RUN=1 NICON_AGAIN=3 NICON_ENGINES=$(SUITE) cargo test --locked --package nicon-tests --test engines

# FILTER takes one test or a few; NICON_ONLY several groups.
test-debian: ## Run the integration tests on Debian's own kernel, in a virtual machine (as root)
	tests/vm/run $(FILTER)

# Debian 11's kernel is not served any more.
test-kernels: ## Run each program's main job on the kernels of Debian 12 and 13, in virtual machines (as root)
	NICON_ONLY="$$(cat tests/vm/smoke)" SUITE=bookworm tests/vm/run
	NICON_ONLY="$$(cat tests/vm/smoke)" SUITE=trixie tests/vm/run

test-debian12: ## Run `make demo` and `make test` in a bare Debian 12, from a fresh clone (as root)
	tests/root/run bookworm

test-debian13: ## The same in a bare Debian 13
	tests/root/run trixie

test-labels: ## Run nicon-nsexec under SELinux and AppArmor, in user-mode Linux (as root)
	@tests/lab/install-packages labels
	cargo build --quiet --release --locked --package nicon-nsexec
	tests/uml/run

test-links: ## Run the tests of links of kinds that this kernel may lack, in user-mode Linux (as root)
	@tests/lab/install-packages uml
	tests/uml/links

test-fleet: SUITE ?= trixie
test-fleet: ## Wire a lab over three machines by Ansible, ClusterShell and GNU parallel, lose a machine, and repair it (as root)
	@tests/lab/install-packages fleet
	@tests/machine/make-root $(SUITE) fleet
	@tests/fleet/install-ansible
	NICON_MUST_RUN=1 NICON_AGAIN=3 NICON_ENGINES=$(SUITE) cargo test --locked --package nicon-tests --test fleet

test-browser: ## Search and click in the page of nicon-tree --html, in Debian's chromium
	@tests/lab/install-packages --without-lab browser
	cargo test --locked --package nicon-tests --test browser

bench: ## Compare speed and memory with what people use now (as root)
	@tests/lab/install-packages bench fleet
	@tests/machine/make-root trixie
	@tests/machine/make-root trixie fleet
	@cargo build --quiet --release --workspace --bins --locked
	@cargo run --quiet --release --locked --package nicon-tests --bin nicon-bench

# Memory safety is the compiler's: without a sanitizer the stable toolchain is enough.
FUZZ_SECONDS ?= 20
fuzz: ## Feed whatever comes to mind to what reads strangers' bytes, FUZZ_SECONDS for each target
	@tests/lab/install-packages --without-lab fuzz
	@command -v cargo-fuzz >/dev/null || cargo install --quiet --locked cargo-fuzz
	@for target in $$(cargo fuzz list); do \
	    mkdir -p fuzz/found/$$target && \
	    cargo fuzz run --sanitizer none $$target fuzz/found/$$target fuzz/corpus/$$target -- \
	        -max_total_time=$(FUZZ_SECONDS) -max_len=8192 -timeout=5 -rss_limit_mb=512 || exit; \
	done

# Which C library and processor there are besides this machine's. Without rustup only those are checked that are there.
TARGETS := x86_64-unknown-linux-musl aarch64-unknown-linux-gnu aarch64-unknown-linux-musl

portable: ## Check that the programs build for this machine's own C library, and nicon-core for musl and arm64
	cargo build --quiet --locked --workspace --bins
	@for target in $(TARGETS); do \
	    ! command -v rustup >/dev/null || rustup target list --installed | grep -qx $$target || \
	        rustup target add $$target || exit; \
	    if [ -d "$$(rustc --print target-libdir --target $$target)" ]; then \
	        cargo check --quiet --locked --package nicon-core --all-features --target $$target || exit; \
	    else \
	        echo "portable: not checked for $$target: Rust has no standard library for it here" >&2; \
	    fi; \
	done

lint: portable ## Check formatting and run clippy, warnings denied
	cargo fmt --all --check
	cargo fmt --manifest-path fuzz/Cargo.toml --check
	cargo metadata --manifest-path fuzz/Cargo.toml --locked --format-version 1 >/dev/null
	rustfmt --check --config-path . --edition 2024 bin-nsexec/last-step/main.rs
	cargo clippy --workspace --all-targets --locked -- --deny warnings
	cargo clippy --package nicon-tests --test engines --test browser --test fleet --locked -- --deny warnings

deny: ## Check the licences and sources of all crates, and that none is there twice
	PATH="$$(dist/install-tools cargo-deny):$$PATH" cargo deny --locked check licenses bans sources

manual: ## Renew man pages, completions and the help in docs/programs.md after a change of a command line
	NICON_RENEW=1 cargo test --quiet --workspace --lib --bins the_manual -- --test-threads=1

docs: ## Build the API documentation, warnings denied
	RUSTDOCFLAGS="--deny warnings" cargo doc --workspace --no-deps --locked
