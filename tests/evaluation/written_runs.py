"""Result files of made-up runs, for tests of what is read from them."""

from fake_gateway import COST, LARGE, SMALL

from evaluation.gateway.recount import rate_to_json
from evaluation.gateway.results import Header, ResultWriter


def write_run(path, *records, **rates):
    """A result file whose label is its name; sizes of models are the fake gateway's."""
    known = rates or {model: rate_to_json(rate) for model, rate in COST.rates.items()}
    with ResultWriter(path, Header({"label": path.stem}, (SMALL, LARGE), known)) as writer:
        for one in records:
            writer.append(one)
    return path


def record(task, verdict="passed", *, model=LARGE, tokens=50, budget=None, seconds=1.0):
    flops = COST.draw(model, 100, [tokens])
    command = {"model": model, "prompt_tokens": 100, "completion_tokens": [tokens]}
    return {
        "task_id": task,
        "text": "pass",
        "verdict": verdict,
        "budget_flops": budget,
        "flops_used": flops,
        "latency_s": seconds,
        "commands": [command],
        "error": None,
    }


def failed(task, budget=None):
    error = {"code": "overloaded", "message": ""}
    return {"task_id": task, "status": 429, "budget_flops": budget, "error": error}
