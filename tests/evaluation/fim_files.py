"""Small files in the formats of the fill-in-the-middle data sets."""

import json

INFILLING_KINDS = {
    "infilling-single": "SingleLineInfilling",
    "infilling-multi": "MultiLineInfilling",
    "infilling-random": "RandomSpanInfillingLight",
}
SAFIM_KINDS = {"safim-block": "block", "safim-control": "control"}


def infilling_row(kind, number):
    return {
        "task_id": f"{INFILLING_KINDS[kind]}/HumanEval/{number}/L0",
        "entry_point": f"f{number}",
        "prompt": f"def f{number}(x):\n",
        "suffix": "    return y\n",
        "canonical_solution": "    y = 2 * x\n",
        "test": "def check(candidate):\n    assert candidate(2) == 4\n",
    }


def safim_row(kind, number, lang="python"):
    return {
        "task_id": f"{SAFIM_KINDS[kind]}_completion_{number:06}",
        "lang": lang,
        "prompt": "A description.",
        "eval_prompt": "n = int(input())\r\nif {{completion}}\r\n    print(n)",
        "ground_truth": "n > 0:",
        "unit_tests": [{"input": "3\n", "output": ["3"]}],
    }


def write(path, name, count=3):
    """A file of so many problems of a data set."""
    row = infilling_row if name in INFILLING_KINDS else safim_row
    path.write_text("".join(json.dumps(row(name, number)) + "\n" for number in range(count)))
    return path
