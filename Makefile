# Every target installs what it needs first (scripts/bootstrap.sh), and says what it cannot.
.PHONY: help up build test lint tools bench load-test fault bare-test image-test upgrade-test fuzz sbom

SHELL := /bin/bash
# Where cargo puts what it builds, if not in target/.
TARGET = $${CARGO_TARGET_DIR:-target}

help:
	@echo 'make up [ARGS=…]  builds linkrelay and starts all of it; ARGS=--demo needs no network'
	@echo 'make build        the commands linkrelay, linkrelay-producer, linkrelay-consumer, in target/release'
	@echo 'make test         format, lints, docs and every test, on real servers'
	@echo 'make lint         format, lints and docs alone'
	@echo 'make bench [ARGS=…] how fast it all is (load-tests/README.md); ARGS="all --quick" for a look'
	@echo 'make load-test [ARGS=…] both paths of a link on the same load (load-tests/README.md)'
	@echo 'make fault [ARGS=…] the longer fault suites, hours (scripts/fault.sh): ARGS=three, or one, long'
	@echo 'make bare-test [ARGS=…] make up and make test on a bare Debian 12 and 13 (root, mmdebstrap)'
	@echo 'make image-test   builds the image where no registry is reached, and tries it (root, buildah)'
	@echo 'make upgrade-test [ARGS=…] upgrades the last release to this tree under load, and back'
	@echo 'make fuzz [ARGS=…] the fuzz targets, two minutes each (scripts/fuzz.sh); nightly Rust'
	@echo 'make sbom         what a release is made of, in CycloneDX (scripts/sbom.sh)'
	@echo 'make tools        fetches the servers and tools of the tests (Kafka, SecantusDB, nginx …)'

up:
	@scripts/bootstrap.sh
	@cargo build --release --locked --package linkrelay --bin linkrelay
	@exec "$(TARGET)/release/linkrelay" up $(ARGS)

build:
	@scripts/bootstrap.sh
	@cargo build --release --locked -p linkrelay -p linkrelay-producer -p linkrelay-consumer

test:
	@scripts/bootstrap.sh --tests
	@SECONDS=0; scripts/tools.sh && scripts/lint.sh && scripts/test.sh; code=$$?; \
	echo "make test took $$((SECONDS / 60)) min $$((SECONDS % 60)) s"; exit $$code

lint:
	@scripts/bootstrap.sh --tests
	@scripts/lint.sh

tools:
	@scripts/bootstrap.sh --tests
	@scripts/tools.sh

bench:
	@scripts/bootstrap.sh --tests
	@scripts/tools.sh
	@scripts/bench.sh $(ARGS)

load-test:
	@scripts/load-test.sh $(ARGS)

fault:
	@scripts/bootstrap.sh --tests
	@scripts/tools.sh
	@scripts/fault.sh $(ARGS)

bare-test:
	@scripts/bare-test.sh $(ARGS)

image-test:
	@scripts/bootstrap.sh --tests
	@scripts/tools.sh kafka secantusdb
	@scripts/image-test.sh $(ARGS)

upgrade-test:
	@scripts/bootstrap.sh --tests
	@scripts/tools.sh kafka secantusdb
	@scripts/upgrade-test.sh $(ARGS)

fuzz:
	@scripts/bootstrap.sh
	@scripts/fuzz.sh $(ARGS)

sbom:
	@scripts/bootstrap.sh
	@scripts/sbom.sh
