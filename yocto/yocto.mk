# SPDX-License-Identifier: MIT OR Apache-2.0
#
# The Yocto layer, for the top Makefile to include: `make lint` reads it as text, `make yocto` has BitBake look at it.

YOCTO_TOOLS := target/tools/yocto
YOCTO_CHECKS := yocto/checks

# Python's programs, in an environment of their own.
$(YOCTO_TOOLS)/installed: $(YOCTO_CHECKS)/requirements.txt
	python3 -m venv $(YOCTO_TOOLS)
	$(YOCTO_TOOLS)/bin/pip install --quiet --disable-pip-version-check --requirement $<
	touch $@

# Left out: whether a homepage is there, since there is no public place yet, and the blanks of the crate list, which BitBake's own
# class writes.
OELINT := $(YOCTO_TOOLS)/bin/oelint-adv --release=wrynose --quiet --relpaths --hide=info \
	--constantmods=+$(YOCTO_CHECKS)/oelint-constants.json \
	--suppress=oelint.var.mandatoryvar.HOMEPAGE --suppress=oelint.vars.inconspaces

.PHONY: lint-yocto
lint-yocto: packages-lint $(YOCTO_TOOLS)/installed
	$(OELINT) $$(find yocto/meta-* -name '*.bb' -o -name '*.bbappend' -o -name layer.conf)
	shellcheck yocto/bitbake/*.sh $$(grep -rl '^#!/bin/sh' yocto/meta-*)
	cd $(YOCTO_CHECKS) && PYTHONDONTWRITEBYTECODE=1 $(CURDIR)/$(YOCTO_TOOLS)/bin/python -m unittest --quiet

# Checkouts of bitbake, openembedded-core, meta-openembedded and boards' layers, side by side.
POKY ?=
# Some of parse, graphs, build, check-layer; all of them where none is named.
STEPS ?=

.PHONY: yocto
yocto: $(YOCTO_TOOLS)/installed  ## What BitBake says of the layer: POKY=directory with checkouts, STEPS=
	yocto/bitbake/all.sh '$(POKY)' $(STEPS)

SBOM ?= target/shutterd.spdx.json

.PHONY: sbom
sbom: packages-build $(YOCTO_TOOLS)/installed  ## What is linked into the programs, as SPDX: SBOM=target/shutterd.spdx.json
	@mkdir -p $(dir $(SBOM))
	PYTHONDONTWRITEBYTECODE=1 $(YOCTO_TOOLS)/bin/python $(YOCTO_CHECKS)/sbom.py $(abspath $(SBOM))
