# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Every command that the README names. Each installs what it misses on a fresh Debian machine.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

# Cargo of the machine, wherever it is; rustup's is often not on root's PATH.
export PATH := $(PATH):$(HOME)/.cargo/bin

BUILD_PACKAGES := pkg-config gcc libc6-dev ca-certificates \
	libgstreamer1.0-dev libgstreamer-plugins-base1.0-dev libgstreamer-plugins-bad1.0-dev
RUN_PACKAGES := gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad \
	gstreamer1.0-plugins-ugly gstreamer1.0-nice gstreamer1.0-x
TEST_PACKAGES := chromium fonts-dejavu-core gstreamer1.0-tools binutils nodejs npm procps
LINT_PACKAGES := shellcheck

.PHONY: help
help:  ## What there is to make
	@sed -nE 's/^([a-z-]+):.*  ## (.*)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

include tests/qemu/qemu.mk

.PHONY: packages-build packages-test packages-lint
packages-build:
	@./packages.sh $(BUILD_PACKAGES) $(RUN_PACKAGES)
	@command -v cargo >/dev/null || ./packages.sh rustc-web cargo-web
packages-test: packages-build
	@./packages.sh $(TEST_PACKAGES)
packages-lint: packages-build
	@./packages.sh $(LINT_PACKAGES)
	@cargo clippy --version >/dev/null 2>&1 || { ./packages.sh rust-web-clippy rustfmt-web; }

# A camera to show: CAMERA=/dev/video0. Without one, a test picture.
CAMERA ?=
LISTEN ?= 127.0.0.1:8787

.PHONY: run
run: packages-build  ## Build and start the service; its log names the address of the viewer page
	cargo build --release
	@mkdir -p target/run
	@{ echo '[http]'; echo 'listen = "$(LISTEN)"'; \
	   echo '[control]'; echo 'socket = "target/run/control.sock"'; \
	   echo '[media]'; echo 'pipelines = ["pipelines"]'; \
	   echo '[[camera]]'; echo 'name = "head"'; \
	   if [ -n '$(CAMERA)' ]; then echo 'device = "$(CAMERA)"'; echo 'board = "v4l2-software"'; \
	   else echo 'board = "demo"'; fi; } > target/run/shutterd.toml
	target/release/shutterd --config target/run/shutterd.toml

.PHONY: test test-rust test-browser
test: test-rust mutants test-browser test-qemu  ## Every test, the QEMU device included

test-rust: packages-test
	cargo test --all-targets

test-browser: packages-test tests/browser/node_modules/.package-lock.json
	cargo build
	cd tests/browser && node --test --test-concurrency=1

tests/browser/node_modules/.package-lock.json: tests/browser/package-lock.json
	cd tests/browser && npm ci --no-audit --no-fund
	touch $@

.PHONY: mutants
mutants: packages-build  ## Plant faults in the lifecycle machine; each must be caught
	tests/mutants.sh

.PHONY: lint
lint: packages-lint packages-test target/tools/bin/cargo-deny  ## Formatting, clippy, licences, scripts, the page
	cargo fmt --check
	cargo clippy --all-targets -- -D warnings
	target/tools/bin/cargo-deny --log-level error check bans licenses sources
	shellcheck packages.sh .ci/run tests/*.sh tests/qemu/*.sh tests/qemu/guest/{agent,init,initrd-init,service}
	node tests/browser/lint.mjs

# Advisories are left out: their database is not in any package registry.
target/tools/bin/cargo-deny:
	cargo install cargo-deny --locked --root target/tools

.PHONY: clean
clean:  ## Remove everything that was made
	rm -rf target tests/browser/node_modules tests/qemu/node_modules
