# The work itself is in dev/, a script a task; this file names the tasks.
# Nothing but the subtitles of `make run` goes to standard output by its doing.

MAKEFLAGS += --no-print-directory
# rustup puts cargo here, and a shell that was open before does not know it yet.
export PATH := $(PATH):$(HOME)/.cargo/bin

.DEFAULT_GOAL := help
.PHONY: help setup setup-tests build run test chaos clients openapi fuzz bench bench-scale lint fmt samples clean-local

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | while IFS='|' read -r target text; do printf '%-22s %s\n' "$$target" "$$text"; done

setup: ## install what is missing to build and run
	@dev/setup run

setup-tests: ## install what is missing to test as well
	@dev/setup tests

build: setup ## build the four programs into target/release
	@dev/build release

run: build ## start everything and transcribe a recording: AUDIO=path, ONCE=1 to stop then, FORMAT=srt|vtt|txt|json
	@exec dev/run

test: setup-tests ## all checks and tests, as they run before a change lands
	@dev/test

chaos: setup-tests ## break a whole Escriba at random moments and look what became of its jobs: SEEDS=25, SEED=n repeats one
	@dev/chaos

openapi: setup-tests ## write docs/openapi.json anew, from what the gateway serves
	@NATS_SERVER=$${NATS_SERVER:-$$PWD/.local/bin/nats-server} UPDATE_OPENAPI=1 dev/with-postgres cargo test -q --locked -p escriba-gateway --test it document::the_file

clients: setup-tests ## make clients for TypeScript and Python and a Postman collection of it, in target/clients
	@dev/clients

lint: setup-tests ## formatting, arrows between crates, licences, clippy
	@cargo fmt --all --check
	@dev/check-dependencies
	@cargo clippy --workspace --all-targets --locked -- -D warnings
	@cargo clippy -p escriba-transcriber --features simulated --all-targets --locked -- -D warnings

fmt: ## format all Rust code
	@cargo fmt --all

fuzz: setup-tests ## ask the whole interface 20,000 things that its document allows or forbids: FUZZ_SEED=n repeats a run
	@NATS_SERVER=$${NATS_SERVER:-$$PWD/.local/bin/nats-server} dev/fuzz

bench: setup ## time the speech engine beside its peer: RUNS=3, BENCH_MODEL, BENCH_WEIGHTS
	@dev/bench

bench-scale: setup-tests ## measure intake, queues, sharing and lists without recognition: BENCH_SCALE='intake queue'
	@dev/bench-scale

samples: ## synthesise docs/samples anew
	@dev/make-samples

clean-local: ## remove the programs that setup put into .local
	@rm -rf .local
