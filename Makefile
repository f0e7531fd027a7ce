# Everything a newcomer or a machine needs: `make run`, `make test`. What is up to date is not redone.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

CARGO ?= cargo
NPM_CI := npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
PAGES := $(filter-out static/build.rs,$(wildcard static/*.js static/*.html static/*.css static/*.svg static/*.mjs))
export CARGO
# Where rustup puts cargo, for shells that were started before it came.
export PATH := $(PATH):$(HOME)/.cargo/bin

.PHONY: help
help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: build ## Build and start it; ends with the URL. More options: make run ARGS="--listen 127.0.0.1:9000"
	@exec target/release/muxview --create main $(ARGS)

.PHONY: build
build: tools assets ## The release binary: target/release/muxview
	@$(CARGO) build --release --locked

.PHONY: test
test: test-tools assets tests/node_modules/.stamp ## All tests: Rust, the pages in a real browser
	@.ci/rust-tests
	cd tests && npm test --silent

.PHONY: test-matrix
test-matrix: test-tools assets tests/node_modules/.stamp ## What depends on tmux, on every tmux version there is, and a table. Some: make test-matrix FILTER=lock::
	@.ci/test-matrix $(FILTER)

.PHONY: check
check: check-tools assets ## Formatting, lints and the documentation's links, as strict as CI
	node .ci/links
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	$(CARGO) metadata --locked --format-version 1 --manifest-path tests/fuzz/Cargo.toml >/dev/null

.PHONY: audit
audit: tools static/node_modules/.stamp ## Licences, sources and known vulnerabilities of what is linked in; asks the network
	@.ci/audit

.PHONY: bench
bench: tools assets ## How fast it is, beside a bare tmux client. Some rows, more often: make bench ROWS="echo full" RUNS=3
	$(CARGO) bench --locked --bench speed -- $(ROWS) $(if $(RUNS),--runs $(RUNS))

.PHONY: bench-floods
bench-floods: tools assets ## What a viewer feels while others flood the service
	$(CARGO) bench --locked --bench floods

.PHONY: bench-parts
bench-parts: tools assets ## Costs of the pure parts: parsing, screens, repaints
	$(CARGO) bench --locked --bench terminal

SECONDS := 300
.PHONY: fuzz
fuzz: tools assets ## Every fuzz target for five minutes; needs nightly and cargo-fuzz. Longer: make fuzz SECONDS=3600
	@.ci/fuzz $(SECONDS)

MINUTES := 60
.PHONY: soak
soak: test-tools assets tests/node_modules/.stamp ## The long variants of the tests and all fuzz targets within an hour. Longer: make soak MINUTES=600
	@.ci/soak $(MINUTES)

.PHONY: pictures
pictures: test-tools assets tests/node_modules/.stamp ## The pictures of the README, taken anew
	$(CARGO) build --locked
	cd tests && node --test browser/pictures.mjs

# PREFIX, DESTDIR and BIN are explained in deploy/install.
export BIN PREFIX DESTDIR SYSCONFDIR

.PHONY: install uninstall
install: ## Install what `make build` built: binary, man page, completions, units, user. As root, or for yourself
	@deploy/install install

uninstall: ## Take it away again; sessions, configuration and state stay
	@deploy/install uninstall

.PHONY: assets
assets: static/dist/manifest.tsv ## The browser's files, which the binary embeds

static/dist/manifest.tsv: static/node_modules/.stamp $(PAGES)
	@cd static && node build.mjs

static/node_modules/.stamp: static/package.json static/package-lock.json | tools
	@echo "Fetching the browser's libraries (npm ci) ..."
	@cd static && $(NPM_CI) && touch node_modules/.stamp

tests/node_modules/.stamp: tests/package.json tests/package-lock.json | tools
	@echo "Fetching the tests' libraries (npm ci) ..."
	@cd tests && $(NPM_CI) && touch node_modules/.stamp

.PHONY: clean
clean: ## Forget everything that was built
	rm -rf target static/dist static/node_modules tests/node_modules tests/artifacts

# ── what must be on the machine: found, installed after saying so, or named ──────────────────

.PHONY: tools check-tools test-tools
tools check-tools test-tools:
	@.ci/tools $(@:%-tools=%)
