"""The verifier that ships: its file says where it comes from, and is what it says."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from evaluation.calibration.replays.problems import find_models
from evaluation.pools.view import read_view
from evaluation.verifier.model import AnswerVerifier
from evaluation.verifier.training import FOLDS
from router.verifier.verifying import SHIPPED, located

POOLS = Path(__file__).parents[3] / "evaluation" / "recorded" / "pools"


def test_it_says_what_it_was_trained_on() -> None:
    verifier = AnswerVerifier.load(located(Path("shipped")))
    assert len(verifier.networks) == FOLDS
    told = verifier.told
    assert told["dataset"] == "mbpp-sanitized"
    assert told["models"] == "qwen2.5-coder-0.5b qwen2.5-coder-1.5b"
    for source in ("Apache-2.0", "Qwen2.5-Coder", "MBPP (CC BY 4.0)"):
        assert source in told["licence"]
    problems = told["problems"].split()
    assert len(problems) == 257
    assert all(each.startswith("MBPP/") for each in problems)


def test_its_pools_are_those_in_the_repository() -> None:
    told = AnswerVerifier.load(SHIPPED).told
    found = find_models(POOLS, told["dataset"])
    hashes = [read_view(at).content_hash for model in told["models"].split() for at in found[model]]
    assert told["pools"].split() == hashes


WITHOUT_TORCH = """
import json, sys
sys.modules["torch"] = sys.modules["transformers"] = None
from pathlib import Path
from evaluation.verifier import serving
sys.exit(serving.main(Path(sys.argv[1])))
"""


def test_it_answers_where_there_is_no_torch() -> None:
    answer = {"text": "    return n\n", "ending": "stop", "tokens": 3, "nll": 0.1, "outputs": {}}
    asked = {"prompt": "def f(n):\n", "function": "f", "inputs": [], "examples": []}
    line = json.dumps(asked | {"id": 1, "candidates": [answer, answer]})
    command = (sys.executable, "-c", WITHOUT_TORCH, str(SHIPPED))
    said = subprocess.run(command, input=line, capture_output=True, text=True, check=True)
    ready, told = map(json.loads, said.stdout.splitlines())
    assert ready == {"ready": True}
    one, other = told["scores"]
    assert one == other > 0


def test_it_is_small() -> None:
    assert SHIPPED.stat().st_size < 2e6


def test_other_paths_are_what_they_say() -> None:
    for path in (Path("./other"), Path("a/shipped"), Path("/shipped")):
        assert located(path) == path
