# What there is to do; the work is in xtask/ (Rust). Each target sets up what it needs, once.
.DEFAULT_GOAL := help
.PHONY: help run dev check test soak bench curves chaos faults release clean

help: ## This list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{ printf "%-16s%s\n", $$1, $$2 }'

run: ## Build everything and start it on this machine; ARGS="--listen 0.0.0.0:8080" passes flags on
	@scripts/xtask.sh run $(ARGS)

dev: ## The same, building again and reloading the page when a file changes
	@scripts/xtask.sh dev $(ARGS)

check: ## The quick checks: format, lints, tests without brokers and browsers
	@scripts/xtask.sh check

test: ## Every check there is; the last line counts them
	@scripts/xtask.sh test $(ARGS)

soak: ## What takes longer than `make test`: a thousand kills under load; ARGS=kills runs one line
	@scripts/xtask.sh soak $(ARGS)

bench: ## Measure latency, CPU and memory per message, beside their baselines
	@scripts/xtask.sh bench $(ARGS)

# Twenty thousand topics are more than the script's usual heap is for, and looking after them is to cost what it costs a
# Kafka that nobody has set up for tests. What a quick run draws says nothing: it stays away from docs/curves.
CURVES_PLOTS = $(if $(findstring --plots,$(ARGS)),,--plots $(if $(findstring --quick,$(ARGS)),target/curves,docs/curves))
curves: ## Measure whether cost stays flat: conversations, sockets, rates, nodes, history; plots go to docs/curves
	@KAFKA_HEAP=$${KAFKA_HEAP:-1g} KAFKA_AS_USUAL=$${KAFKA_AS_USUAL-1} scripts/xtask.sh bench curves $(CURVES_PLOTS) $(ARGS)

SECONDS ?= 240
chaos: ## All kinds of faults in two nodes and three brokers under load, every promise checked; SECONDS=240 SEED=7
	@scripts/xtask.sh failpoints crash --log kafka --nodes 2 --brokers 3 --rate 100 --light-hashes --clocks-apart-hours 3 \
	  --fault kill,pause-broker,die-before-feed,cut-clients,wipe,kill-broker,die-before-ack,cut-broker,pause \
	  --fault end-broker,die-in-views-commit,stall-clients,die-while-creating,fill-broker,stall-broker,kill-cluster \
	  --times $$(($(SECONDS) / 12)) --seconds $(SECONDS) $(if $(SEED),--seed $(SEED)) $(ARGS)

faults: ## Each kind of fault by itself, and the table of what it cost
	@scripts/xtask.sh failpoints faults --brokers 3 $(if $(SEED),--seed $(SEED)) $(ARGS)

release: ## The one file to hand out, in dist/
	@scripts/xtask.sh release

clean: ## Remove what was built here (tools in the user's cache stay)
	@rm -rf target dist end2end/results end2end/node_modules
