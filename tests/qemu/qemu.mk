# SPDX-License-Identifier: MIT OR Apache-2.0
#
# The QEMU device, for the top Makefile to include: `make image` builds it, `make test-qemu` runs the tests on it.

QEMU := tests/qemu

.PHONY: image test-qemu soak-qemu faults-encoder moments

# Each script skips what is up to date.
image:  ## The arm64 device image that QEMU boots
	$(QEMU)/cross.sh
	$(QEMU)/image.sh

# One device at a time: it has a fixed address, and two emulated processors are all that a small machine can carry.
test-qemu: image $(QEMU)/node_modules/.package-lock.json  ## The tests on that device
	@node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' || { echo 'the QEMU tests need Node.js 20 or later' >&2; exit 1; }
	CYCLES=25 tests/in-netns.sh $(QEMU)/plugged.sh node --test --test-concurrency=1 --test-timeout=900000 $(QEMU)/*.test.mjs

# CYCLES is of each role: `make soak-qemu CYCLES=250` is 500 sessions.
soak-qemu: image $(QEMU)/node_modules/.package-lock.json  ## Session after session on that device
	CYCLES=$(CYCLES) tests/in-netns.sh $(QEMU)/plugged.sh node --test --test-timeout=$$(($(CYCLES) * 40000 + 600000)) $(QEMU)/cycles.test.mjs

faults-encoder: image $(QEMU)/node_modules/.package-lock.json  ## Every fault of an encoder's driver, in every situation, on that device
	CELLS=all tests/in-netns.sh $(QEMU)/plugged.sh node --test --test-concurrency=1 --test-timeout=900000 $(QEMU)/cm4-faults.test.mjs

# Of them, the table of what happens when: `make moments README=1` puts it into README.
moments: image $(QEMU)/node_modules/.package-lock.json
	README=$(README) tests/in-netns.sh $(QEMU)/plugged.sh node --test --test-timeout=900000 $(QEMU)/moments.test.mjs

$(QEMU)/node_modules/.package-lock.json: $(QEMU)/package.json $(QEMU)/package-lock.json
	cd $(QEMU) && npm ci
	touch $@
