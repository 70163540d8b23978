# contourd: build, try, test, install. `make help` lists the targets.
PREFIX  ?= /usr/local
DESTDIR ?=
SWIFT   ?= swift
CONFIG  := release
MODELS  ?= Sources/Models
PEERS   ?= .build/peers
BIN      = $(shell $(SWIFT) build -c $(CONFIG) --show-bin-path)

UNITDIR     ?= $(if $(filter /usr /usr/local,$(PREFIX)),/usr/lib,$(PREFIX)/lib)/systemd
SYSUSERSDIR ?= $(if $(filter /usr /usr/local,$(PREFIX)),/usr/lib,$(PREFIX)/lib)/sysusers.d
TMPFILESDIR ?= $(if $(filter /usr /usr/local,$(PREFIX)),/usr/lib,$(PREFIX)/lib)/tmpfiles.d
SYSCONFDIR  ?= $(if $(filter /usr /usr/local,$(PREFIX)),/etc,$(PREFIX)/etc)

.DEFAULT_GOAL := help
.PHONY: help deps build demo test bench bench-peers install uninstall format lint clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1|/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "  make %-10s %s\n", $$1, $$2}'

deps: ## install the Debian packages that the build needs (asks apt only for what is missing)
	@Tests/install-dependencies build

build: deps ## build contourd, contourctl and contour-bench (release)
	$(SWIFT) build -c $(CONFIG)

demo: build ## a phantom CT from inbox to outbox, with scores against its truth
	@Tests/demo "$(BIN)"

test: ## everything, from a clean clone; ends with `N passed, N failed, N skipped`
	@Tests/run-all

bench: build ## how fast contourd is on this machine, row by row (docs/performance.md)
	@for name in $$("$(BIN)/contour-bench" --list); do "$(BIN)/contour-bench" $$name || exit 1; done

bench-peers: build ## the same beside the programs of ../shared/peers, with ratios; PEERS= is where they are kept (4 GB)
	@Tests/benchmarks/compare-with-peers "$(BIN)" "$(PEERS)"

install: ## install below $(DESTDIR)$(PREFIX); run `make build` first
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/contourd/models $(DESTDIR)$(PREFIX)/share/man/man1 \
	  $(DESTDIR)$(PREFIX)/share/man/man5 $(DESTDIR)$(PREFIX)/share/man/man8 $(DESTDIR)$(SYSCONFDIR)/contourd \
	  $(DESTDIR)$(UNITDIR)/system $(DESTDIR)$(SYSUSERSDIR) $(DESTDIR)$(TMPFILESDIR) $(DESTDIR)$(UNITDIR)/catalog
	install -m 755 $(BIN)/contourd $(BIN)/contourctl $(BIN)/contour-bench $(DESTDIR)$(PREFIX)/bin/
# Swift's runtime: the toolchain may be gone, or out of the service's reach.
	install -d $(DESTDIR)$(PREFIX)/lib/contourd
	ldd $(BIN)/contourd $(BIN)/contourctl $(BIN)/contour-bench | sed -n 's|.* => \(.*/swift/linux/[^ ]*\) .*|\1|p' | \
	  sort -u | while read -r library; do install -m 644 "$$library" $(DESTDIR)$(PREFIX)/lib/contourd/ || exit 1; done
	cp -r $(MODELS)/. $(DESTDIR)$(PREFIX)/share/contourd/models/
	chmod -R u=rwX,go=rX $(DESTDIR)$(PREFIX)/share/contourd/models
	test -e $(DESTDIR)$(SYSCONFDIR)/contourd/contourd.toml || \
	  install -m 644 etc/contourd.toml $(DESTDIR)$(SYSCONFDIR)/contourd/contourd.toml
	sed 's|@BINDIR@|$(PREFIX)/bin|g; s|@SYSCONFDIR@|$(SYSCONFDIR)|g' systemd/contourd.service \
	  > $(DESTDIR)$(UNITDIR)/system/contourd.service
	install -m 644 systemd/contourd.sysusers.conf $(DESTDIR)$(SYSUSERSDIR)/contourd.conf
	install -m 644 systemd/contourd.tmpfiles.conf $(DESTDIR)$(TMPFILESDIR)/contourd.conf
	install -m 644 systemd/contourd.catalog $(DESTDIR)$(UNITDIR)/catalog/contourd.catalog
	for page in $(wildcard docs/man/*.[158]); do \
	  install -m 644 $$page $(DESTDIR)$(PREFIX)/share/man/man$${page##*.}/ || exit 1; done

uninstall: ## remove what install put there (configuration and data stay)
	rm -f $(DESTDIR)$(PREFIX)/bin/contourd $(DESTDIR)$(PREFIX)/bin/contourctl $(DESTDIR)$(PREFIX)/bin/contour-bench
	rm -f $(DESTDIR)$(UNITDIR)/system/contourd.service $(DESTDIR)$(SYSUSERSDIR)/contourd.conf
	rm -f $(DESTDIR)$(TMPFILESDIR)/contourd.conf $(DESTDIR)$(UNITDIR)/catalog/contourd.catalog
	rm -rf $(DESTDIR)$(PREFIX)/lib/contourd
# Models that others put there stay.
	for model in $(notdir $(wildcard $(MODELS)/*)); do rm -rf "$(DESTDIR)$(PREFIX)/share/contourd/models/$$model"; done
	-rmdir --ignore-fail-on-non-empty $(DESTDIR)$(PREFIX)/share/contourd/models $(DESTDIR)$(PREFIX)/share/contourd
	cd docs/man && for page in *.[158]; do rm -f $(DESTDIR)$(PREFIX)/share/man/man$${page##*.}/$$page; done

format: ## format the Swift sources in place
	$(SWIFT) format --in-place --recursive --parallel Package.swift Sources Tests

lint: ## check formatting and style
	$(SWIFT) format lint --strict --recursive --parallel Package.swift Sources Tests

clean: ## remove build products
	$(SWIFT) package clean
