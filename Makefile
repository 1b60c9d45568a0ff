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
TEST_PACKAGES := chromium dbus-daemon systemd fonts-dejavu-core gstreamer1.0-tools binutils iproute2 nodejs npm openssl procps
LINT_PACKAGES := shellcheck device-tree-compiler python3-venv

.PHONY: help
help:  ## What there is to make
	@sed -nE 's/^([a-z-]+):.*  ## (.*)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

include tests/qemu/qemu.mk
include yocto/yocto.mk

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
	   echo '[control]'; echo 'socket = "$(CURDIR)/target/run/control.sock"'; \
	   echo '[journal]'; echo 'directory = "$(CURDIR)/target/run/journal"'; \
	   echo '[media]'; echo 'pipelines = ["$(CURDIR)/pipelines"]'; \
	   echo '[[camera]]'; echo 'name = "head"'; \
	   if [ -n '$(CAMERA)' ]; then echo 'device = "$(CAMERA)"'; echo 'board = "v4l2-software"'; \
	   else echo 'board = "demo"'; fi; } > target/run/shutterd.toml
	target/release/shutterd --config target/run/shutterd.toml

# No test has to do with the machine's own bus: its logind would be asked to hold up the machine's sleep.
test%: export DBUS_SYSTEM_BUS_ADDRESS := unix:path=/nonexistent
faults soak: export DBUS_SYSTEM_BUS_ADDRESS := unix:path=/nonexistent

.PHONY: test test-rust test-browser test-network test-peers
test: test-rust mutants test-browser test-network test-peers test-link faults soak-and-image test-qemu  ## Every test, the QEMU device included

test-rust: packages-test
	cargo test --all-targets --no-fail-fast

# The binaries as the tests' build has them: another would build every dependency once more.
BINARIES := cargo test --no-run --quiet --test operating

test-browser: packages-test tests/browser/node_modules/.package-lock.json
	$(BINARIES)
	cd tests/browser && node --test --test-concurrency=1

# A network that can be lost: device and viewer in a namespace each.
test-network: packages-test tests/browser/node_modules/.package-lock.json
	$(BINARIES)
	CHROMIUM=tests/network/chromium.sh tests/in-netns.sh tests/network/cabled.sh \
		node --test --test-concurrency=1 tests/network/*.test.mjs

# Other implementations of WebRTC: a package of its own, built beside the product.
PEERS := --locked --manifest-path tests/peers/Cargo.toml --target-dir target/peers

test-peers: packages-test
	$(BINARIES)
	cargo build $(PEERS)
	cd tests/peers && node --test --test-concurrency=1

# The path of `make bench-link`, a package of its own too: it has figures that others stand on.
LINK := --locked --manifest-path bench/link/Cargo.toml --target-dir target/link
# In a network of its own; where only root may make one, a user namespace may do.
OWN_NETWORK := unshare $(if $(filter-out 0,$(shell id -u)),--user --map-root-user) --net

test-link: packages-build
	cargo test $(LINK) --bins
	@if [ -w /dev/net/tun ] && $(OWN_NETWORK) true; then $(OWN_NETWORK) cargo test $(LINK) --test path -- --nocapture; \
	else echo 'SKIPPED: the path needs a network namespace and /dev/net/tun; run it as root' >&2; fi

# Beside the peer: a package of its own too, from the registry and for measuring alone.
BENCH := --locked --manifest-path bench/Cargo.toml --target-dir target/bench

.PHONY: bench
bench: packages-test tests/browser/node_modules/.package-lock.json  ## Measure beside GStreamer's WHEP server: QUICK=1 in brief, README=1 into README
	cargo build --release
	cargo build --release $(BENCH)
	node bench/bench.mjs

.PHONY: bench-link
bench-link: packages-test tests/browser/node_modules/.package-lock.json  ## The same over a path that loses, delays and narrows: QUICK=1 in brief, README=1 into docs/figures.md
	cargo build --release
	cargo build --release $(BENCH)
	cargo build --release $(LINK)
	$(OWN_NETWORK) node bench/link.mjs

.PHONY: bench-device
bench-device: image tests/browser/node_modules/.package-lock.json  ## The rows of it that make sense on the emulated device: QUICK=1 in brief, README=1 into docs/figures.md
	tests/qemu/cross.sh whep-peer
	tests/in-netns.sh tests/qemu/plugged.sh node bench/device.mjs

.PHONY: bench-scale
bench-scale: packages-test tests/browser/node_modules/.package-lock.json  ## The same with 1 to 32 viewers, and beyond the cap: QUICK=1 in brief, README=1 into docs/figures.md
	cargo build --release
	cargo build --release $(BENCH)
	node bench/scale.mjs

.PHONY: bench-settings
bench-settings: packages-test tests/browser/node_modules/.package-lock.json  ## What single settings gain, and what a pacer would: QUICK=1 in brief, README=1 into docs/figures.md
	cargo build --release
	cargo build --release $(BENCH)
	cargo build --release $(LINK)
	$(CC) -shared -fPIC -O2 -Wall -Wextra -Werror -o target/bench/left_unset.so bench/left_unset.c $$(pkg-config --cflags --libs gobject-2.0)
	node bench/settings.mjs
	$(OWN_NETWORK) node bench/pacing.mjs

.PHONY: bench-copies
bench-copies: packages-test  ## What each way costs by which viewers may get an access unit: QUICK=1 in brief, README=1 into docs/figures.md
	@mkdir -p target/bench
	$(CC) -O3 -Wall -Wextra -Werror -o target/bench/copies bench/copies.c
	node bench/copies.mjs

# docs/order.md comes from these. A round tries each change once; ONLY names experiments (tests/lab/experiments.rs).
LAB := SHUTTERD_LOG=error LAB_ROUNDS=$(or $(ROUNDS),1) LAB_ONLY='$(ONLY)' LAB_SEED=$(or $(SEED),1) LAB_MINUTES=$(or $(MINUTES),60)

.PHONY: lab lab-newer lab-device lab-report
lab: packages-test  ## Sessions in a changed order, on the demo board: ROUNDS=, ONLY=, SEED=, MINUTES=; adds to target/lab
	mkdir -p target/lab
	$(LAB) LAB_RECORDS=$(CURDIR)/target/lab/demo.jsonl cargo test --test lab

lab-newer: packages-test  ## The same with the GStreamer of the emulated device, on this machine's own processor
	mkdir -p target/lab
	$(LAB) LAB_RECORDS=$(CURDIR)/target/lab/newer.jsonl cargo --config 'target."cfg(unix)".runner = "tests/lab/newer.sh"' test --test lab

lab-device: image  ## The same on the emulated device, with a kernel's camera, and with a kernel's encoder
	mkdir -p target/lab
	tests/qemu/cross.sh shutter-lab
	$(LAB) tests/in-netns.sh tests/qemu/plugged.sh node tests/lab/device.mjs v4l2-software target/lab/device.jsonl
	$(LAB) tests/in-netns.sh tests/qemu/plugged.sh node tests/lab/device.mjs raspberry-pi-cm4 target/lab/encoder.jsonl

lab-report:  ## What they have written down, as tables and figures: README=1 into docs/order.md
	node tests/lab/report.mjs $(wildcard target/lab/*.jsonl)

tests/browser/node_modules/.package-lock.json: tests/browser/package-lock.json
	cd tests/browser && npm ci --no-audit --no-fund
	touch $@

.PHONY: faults
faults: packages-test  ## Disturb a session at each of its steps, in each way, alone and beside another viewer
	cargo test --features faults --test faults -- --nocapture --test-threads=3

# A figure that README names comes from `make soak CYCLES=10000`.
CYCLES ?= 1000

.PHONY: soak
soak: packages-test  ## Session after session: nothing stays open, nothing fails, nothing grows
	CYCLES=$(CYCLES) cargo test --test soak -- --nocapture
	SESSIONS=$(CYCLES) cargo test --test heap

# The soak waits more than it works: the device's image is built beside it, for what time it leaves. Whether that succeeds test-qemu
# finds out, which needs the image.
.PHONY: soak-and-image
soak-and-image: packages-test
	@mkdir -p target
	@nice -n 19 $(MAKE) image >target/image.log 2>&1 & image=$$!; trap 'kill $$image' INT TERM; \
	$(MAKE) soak && soak=0 || soak=$$?; wait $$image || true; exit $$soak

.PHONY: mutants
mutants: packages-build  ## Plant faults in the lifecycle, its driver and the camera's release; each must be caught
	tests/mutants.sh

.PHONY: lint
lint: packages-lint packages-test target/tools/bin/cargo-deny lint-advisories lint-yocto  ## Formatting, clippy, licences, scripts, the page, the Yocto layer
	cargo fmt --check
	cargo clippy --all-targets -- -D warnings
	cargo fmt --check --manifest-path tests/peers/Cargo.toml
	cargo clippy $(PEERS) -- -D warnings
	cargo fmt --check --manifest-path bench/Cargo.toml
	cargo fmt --check --manifest-path bench/link/Cargo.toml
	cargo clippy $(LINK) --all-targets -- -D warnings
	target/tools/bin/cargo-deny --log-level error check bans licenses sources
	shellcheck packages.sh .ci/run bench/link/*.sh tests/*.sh tests/lab/*.sh tests/network/*.sh tests/qemu/*.sh tests/qemu/guest/{agent,appliance,init,initrd-init,service}
	node tests/browser/lint.mjs

# Their database is a repository of its own, in no package registry: where it cannot be had, that is said.
ADVISORIES := https://github.com/RustSec/advisory-db

.PHONY: lint-advisories
lint-advisories: target/tools/bin/cargo-deny
	@if timeout 20 git ls-remote --quiet $(ADVISORIES) HEAD >/dev/null 2>&1; then $< --log-level error check advisories; \
	else echo 'SKIPPED: advisories of the crates, for $(ADVISORIES) cannot be reached' >&2; fi

target/tools/bin/cargo-deny:
	cargo install cargo-deny --locked --debug --root target/tools

.PHONY: clean
clean:  ## Remove everything that was made
	rm -rf target tests/browser/node_modules tests/qemu/node_modules

# What a system image has. Packages call this with DESTDIR; the programs must be built before.
DESTDIR ?=
PROGRAMS ?= target/release

.PHONY: install
install:  ## Install what was built: DESTDIR=, PROGRAMS=target/release
	install -Dm755 -t $(DESTDIR)/usr/bin $(PROGRAMS)/shutterd $(PROGRAMS)/shutterctl
	install -Dm755 -t $(DESTDIR)/usr/libexec/shutterd $(PROGRAMS)/shutter-media
	install -Dm644 -t $(DESTDIR)/usr/share/shutterd/pipelines pipelines/*.toml
	install -Dm644 -t $(DESTDIR)/etc/shutterd data/shutterd.toml
	install -Dm644 -t $(DESTDIR)/usr/lib/systemd/system data/systemd/*
	install -Dm644 -t $(DESTDIR)/usr/lib/sysusers.d data/sysusers.d/shutterd.conf
	install -Dm644 -t $(DESTDIR)/usr/lib/tmpfiles.d data/tmpfiles.d/shutterd.conf
	install -Dm644 -t $(DESTDIR)/usr/lib/udev/rules.d data/udev/70-shutterd.rules
	install -Dm644 -t $(DESTDIR)/usr/share/dbus-1/system.d data/dbus/io.shutterd.Manager1.conf
	install -Dm644 -t $(DESTDIR)/usr/share/dbus-1/system-services data/dbus/io.shutterd.Manager1.service
	install -Dm644 -t $(DESTDIR)/usr/share/polkit-1/actions data/polkit/io.shutterd.policy
