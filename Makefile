# make help lists the targets. docs/building.md says what they install and keep.

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS := -X main.version=$(VERSION)

# Counting bits without asking first whether the processor can takes a fifth off a search. Processors since 2009 can.
export GOAMD64 ?= v2

# Everything but llama.cpp is built and tested without cgo, as it ships.
PLAIN := CGO_ENABLED=0
# Runs a command with cgo and with llama.cpp where pkg-config finds it, building it the first time.
WITH_LLAMA := scripts/llama-cpp exec
LLAMA_PACKAGES := ./llama/... ./cmd/...

# Tests that need the inference host start this one. Without it they fail.
export KVASIR_LLAMA ?= $(CURDIR)/bin/kvasir-llama

STATICCHECK := go tool -modfile=internal/tools/go.mod staticcheck
BASH_SCRIPTS := .ci/run $(filter-out %.py,$(wildcard scripts/*)) $(shell git ls-files "*.sh")
CROSS := linux/arm64 darwin/arm64 darwin/amd64

.NOTPARALLEL:
.PHONY: help deps build run test race kill fuzz bench load bench-llama bench-resume lint cross plugins check ci clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-11s %s\n", $$1, $$2 }' Makefile

deps: ## install the tools the build calls, or say which are missing
	@scripts/deps

build: deps ## build bin/kvasir and bin/kvasir-llama
	$(PLAIN) go build -trimpath -ldflags '$(LDFLAGS)' -o bin/kvasir ./cmd/kvasir
	$(WITH_LLAMA) go build -trimpath -ldflags '$(LDFLAGS)' -tags llama -o bin/kvasir-llama ./cmd/kvasir-llama

run: build ## build, then ask the shipped model a few questions
	@scripts/tour

# In tests and benchmarks llama.cpp runs without kvasir-llama, which sets this for itself.
test race bench-llama bench-resume: export OMP_WAIT_POLICY ?= passive

test: build ## run all tests
	$(PLAIN) go test ./...
	$(WITH_LLAMA) go test -tags llama $(LLAMA_PACKAGES)

race: build ## run all tests under the race detector
	CGO_ENABLED=1 go test -race ./...
	$(WITH_LLAMA) go test -race -tags llama ./llama/...

kill: build ## kill kvasir 2,650 times at random moments of all it does with a store, and watch its memory over 2,000 requests
	KVASIR_KILLS=1000 $(PLAIN) go test -count 1 -v -run TestKills_ -timeout 60m ./cmd/kvasir
	KVASIR_KILLS=50 $(PLAIN) go test -count 1 -v -run TestServeKills_ -timeout 60m ./cmd/kvasir
	KVASIR_KILLS=200 $(PLAIN) go test -count 1 -v -run KilledWhileSaving -timeout 60m ./engine
	KVASIR_KILLS=200 KVASIR_REQUESTS=2000 $(WITH_LLAMA) \
		go test -count 1 -v -tags llama -run 'Killed|MemoryStaysFlatOver' -timeout 60m ./cmd/kvasir

fuzz: deps ## run every fuzz target for FUZZTIME each (default 10s)
	$(PLAIN) scripts/fuzz ./...

bench: deps ## run the Go benchmarks
	$(PLAIN) go test -run '^$$' -bench . -benchmem ./...

load: deps ## put load on the server: 5,000 stored answers a second, some while the model works, 1,000 streams, equal requests
	$(PLAIN) go build -modfile=internal/tools/go.mod -o bin/vegeta github.com/tsenart/vegeta/v12
	$(PLAIN) go run ./internal/load -vegeta bin/vegeta

bench-llama: deps ## compare with upstream's llama-bench, ten rounds; builds it the first time
	LLAMA_BENCH=$$(scripts/llama-cpp tool llama-bench) $(WITH_LLAMA) \
		go test -tags llama -run '^$$' -bench 'Host|AgainstLlamaBench|Restore$$' -benchtime 10x ./llama

bench-resume: build ## compare resuming with upstream's llama-server; builds that the first time
	LLAMA_SERVER=$$(scripts/llama-cpp tool llama-server) \
		bin/kvasir bench resume -m "$$($(PLAIN) go run ./internal/testmodel/gen smollm2-135m q8_0)"

lint: deps ## check format, vet, staticcheck, module files and scripts
	@test -z "$$(gofmt -l . | tee /dev/stderr)" || { echo 'hint: gofmt -w .' >&2; exit 1; }
	$(PLAIN) go vet ./...
	$(WITH_LLAMA) go vet -tags llama $(LLAMA_PACKAGES)
	printf 'plain: CGO_ENABLED=0\nllama: CGO_ENABLED=1 -tags=llama\n' | $(WITH_LLAMA) $(STATICCHECK) -matrix ./...
	go mod tidy -diff
	go -C internal/tools mod tidy -diff
	go -C examples/openai-clients/go mod tidy -diff
	@for script in $(BASH_SCRIPTS); do bash -n "$$script" || exit 1; done

cross: ## build kvasir for the other platforms
	@for target in $(CROSS); do \
		echo "go build: $$target"; \
		GOOS=$${target%/*} GOARCH=$${target#*/} $(PLAIN) go build -trimpath -ldflags '$(LDFLAGS)' \
			-o "bin/kvasir-$${target%/*}-$${target#*/}" ./cmd/kvasir || exit 1; \
	done

plugins: deps ## check that the modules in the tree come from their sources; needs npm, skips compilers that are missing
	examples/plugins/build --check
	plugins/build --check

check: lint test race cross plugins ## lint, test, race, cross, and no difference left in tracked files
	git diff --exit-code

ci: check ## check, then link the host once from an empty Go build cache
	cold=$$(mktemp -d) && trap 'rm -rf "$$cold"' EXIT && \
		GOCACHE=$$cold $(WITH_LLAMA) go build -tags llama -o "$$cold/kvasir-llama" ./cmd/kvasir-llama

clean: ## remove bin/; llama.cpp stays in its cache
	rm -rf bin
