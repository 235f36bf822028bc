# Commands for people. `make` alone lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash

.PHONY: help demo gallery test soak lint check bench migration

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-22s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## try it: bot, Slack sandbox and a demo target, at http://127.0.0.1:4040 (needs only cargo)
	cargo run --locked -- demo

gallery: ## every card, modal and home in every state, on one page to look at
	cargo run --locked -p slack-sandbox --example gallery -- tests/it/snapshots target/gallery.html Hallpass

test: ## install what the tests need and lacks, run all of them, say how long each part took
	@scripts/test.sh

soak: ## the long form of all that tries to break it, with its figures; LAYERS="crash-points clocks" for some of it
	@scripts/soak.sh $(LAYERS)

lint: ## formatting and clippy, warnings are errors
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets --features planted-bugs,failpoints -- -D warnings

check: lint test ## what CI runs

bench: ## the figures that are claimed, as ratios measured in one run (needs PostgreSQL, Node.js and npm)
	cargo bench --locked --bench figures
	cargo bench --locked --bench verify

migration: ## make migration NAME=add_thing: an empty migration for both databases
	@[[ "$(NAME)" =~ ^[a-z]+_[a-z_]+$$ ]] || { echo "Say what it does: make migration NAME=add_note_to_request" >&2; exit 2; }
	@at=$$(date -u +%Y%m%d%H%M%S); for db in sqlite postgres; do \
		file=migrations/$$db/$${at}_$(NAME).sql; echo "-- $(NAME)" > $$file; echo $$file; done
