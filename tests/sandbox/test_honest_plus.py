"""The references of HumanEval+ and MBPP+ pass isolated, on all of their many inputs.

Each is compared with itself beside the tests. JSON has lost which lists were tuples or sets and
which texts complex numbers; the contracts of the problems tell, for they take no others.
"""

import ast
import asyncio
import gzip
import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from sandbox import Asserts, DockerBackend, Limits, ProcessBackend, Program, Report

FILES = Path(os.environ.get("EVALPLUS", "") or Path(__file__).parents[3] / "shared/data")
LIMITS = Limits(wall_s=120.0, cpu_s=120.0, memory_bytes=2**32)
MOST_INPUT = 800_000  # characters of JSON: the largest inputs are left to a smaller number
PRELUDE = """
{reference}
reference = {entry}
def contract({parameters}):
{contract}
"""
CODE = """
import copy, itertools, json, math, re
FORMS = [
    lambda x: x, tuple, lambda x: [tuple(i) for i in x], lambda x: tuple(tuple(i) for i in x), set,
    float, complex,
]
def restored(args):
    for forms in itertools.product(FORMS, repeat=len(args)):
        try:
            made = [form(arg) for form, arg in zip(forms, args)]
            contract(*copy.deepcopy(made))
        except Exception:
            continue
        return made
def same(got, wanted):
    if isinstance(wanted, re.Match):
        return got.span() == wanted.span()
    if isinstance(wanted, float) and math.isfinite(wanted) and {tolerance}:
        return abs(got - wanted) <= {tolerance}
    return got == wanted or (got != got and wanted != wanted)
for args in json.loads({inputs!r}):
    if (args := restored(args)) is None:
        continue
    try:
        wanted = reference(*copy.deepcopy(args))
    except Exception:
        continue
    if len(repr(wanted)) > 4_000_000:  # a result of hundreds of megabytes cannot be sent
        continue
    got = {entry}(*copy.deepcopy(args))
    assert same(got, wanted), (args, got, wanted)
"""


def programs(name: str) -> list[Program]:
    path = FILES / f"{name}.jsonl.gz"
    if not path.exists():
        pytest.skip(f"no {path.name}; set EVALPLUS to its directory")
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [program(json.loads(line)) for line in lines]


def program(row: dict[str, Any]) -> Program:
    entry, inputs = row["entry_point"], [*row["base_input"], *(row["plus_input"] or [])]
    while len(text := json.dumps(inputs)) > MOST_INPUT:
        inputs = inputs[: len(inputs) // 2]
    source = row["canonical_solution"]
    if not row["prompt"].lstrip().startswith('"""'):
        source = row["prompt"] + source
    function = next(
        node
        for node in ast.parse(source).body
        if isinstance(node, ast.FunctionDef) and node.name == entry
    )
    prelude = PRELUDE.format(
        reference=source,
        entry=entry,
        parameters=ast.unparse(function.args),
        contract=row["contract"] if row["contract"].strip() else "    pass",
    )
    code = CODE.format(entry=entry, tolerance=row["atol"], inputs=text)
    return Program(source, Asserts(code, entry, prelude))


@pytest.mark.parametrize(("name", "count"), [("humaneval_plus", 164), ("mbpp_plus", 378)])
@pytest.mark.filterwarnings("ignore::SyntaxWarning", "ignore::DeprecationWarning")
def test_every_reference_passes_isolated(judge, name: str, count: int) -> None:
    made = programs(name)
    kind = {"process": ProcessBackend, "docker": DockerBackend}[judge.name]

    async def judged() -> list[Report]:
        async with kind(queue=count) as backend:
            return await asyncio.gather(*(backend.run(each, LIMITS) for each in made))

    found = Counter((each.status, each.integrity) for each in asyncio.run(judged()))
    assert found == {("passed", "isolated"): count}
