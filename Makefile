# The front door. Meson does the work; every target installs what it needs first.

BUILD ?= build
PORT  ?= 8080

.PHONY: all run test lint bench fuzz format cover clean deps e2e

all: $(BUILD)/build.ninja
	@ninja -C $(BUILD)

deps:
	@tools/deps

$(BUILD)/build.ninja: | deps
	@meson setup $(BUILD) >$(BUILD).log 2>&1 || { cat $(BUILD).log; exit 1; }
	@mv $(BUILD).log $(BUILD)/setup.log

# Gateway, control and a local model, in the foreground; PORT= and STATE= override.
run: all
	@exec $(BUILD)/freehold up --config examples/freehold.yaml --listen 127.0.0.1:$(PORT) $(if $(STATE),--state $(STATE))

# Ends with "N passed, N failed".
test: deps
	@BUILD=$(BUILD) tools/test

e2e: all
	@tests/e2e/run

lint: all
	@tools/lint $(BUILD)

bench: all
	@bench/run --build $(BUILD)

# A minute each, with coverage and sanitizers; FUZZ_SECONDS= for longer.
fuzz: deps
	@tools/fuzz

format:
	@tools/format

cover: deps
	@tools/cover

clean:
	rm -rf build build-asan build-fuzz build-cover
