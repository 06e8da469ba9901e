# SPDX-License-Identifier: Apache-2.0
# The one door: each target only forwards. What they do is in tools/ and in meson.build.

.PHONY: build test check sim fuzz bench fmt run ci install clean
.DEFAULT_GOAL := build

SEED ?= 1
SECONDS ?= 60

build:
	@tools/setup build
	@tools/build gcc

test:
	@tools/setup build test
	@tools/build gcc
	@tools/test-suite build unit conformance sim

check:
	@tools/setup build ci
	@tools/build gcc
	@tools/check

sim: build
	build/dassie-sim --seed $(SEED) $(ARGS)

fuzz:
	@tools/setup build ci
	@tools/fuzz $(SECONDS) $(TARGET)

bench: build
	@tools/setup bench
	@tests/bench/run $(ARGS)

fmt:
	@tools/setup ci
	@tools/fmt

run: build
	build/dassie demo $(ARGS)

ci:
	@tools/ci

install: build
	@meson install -C build --no-rebuild

clean:
	rm -rf build build-clang build-asan build-tsan build-fuzz build-tidy build-setup
