"""A verifier in a process of its own: a line of JSON for each question, and one for each answer.

`python -m evaluation.verifier.serving PATH PARENT` says first that it is `ready`, or which `error`
it has. A question has an `id`, `inputs` and `candidates`; the answer has the same `id` and
`scores`, -log P(right) of each in their order, or the `error` of that question. A file of ours is
told the `prompt`, the `function` that it asks for, `examples` as pairs of call and output, and of
each candidate what a policy knows of it. A directory is a T5: it is told the `description` of what
is asked, and the `program` of each candidate with its `outputs`; where that is to `count`, the
answer has the `tokens` that it would read, and nothing is computed.

It ends where its input does, and with PARENT, the process that started it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from evaluation.local.loading import LoadFailed
from evaluation.verifier.checkpoint import CheckpointVerifier
from evaluation.verifier.features import Behaving, annotated_kind
from evaluation.verifier.model import AnswerVerifier, UnreadableVerifier
from evaluation.verifier.tokens import program_buckets, prompt_buckets
from evaluation.verifier.wording import written
from policies.values import NLL, Candidate, Example, Output, Task
from router.process.orphans import die_with


def answered(
    verifier: AnswerVerifier | CheckpointVerifier, asked: Mapping[str, Any]
) -> dict[str, Any]:
    """The answer to one question."""
    match verifier:
        case AnswerVerifier():
            return {"scores": scored(verifier, asked)}
        case CheckpointVerifier():
            read = [verifier.tokens(_text(asked, each)) for each in asked["candidates"]]
            if asked.get("count"):
                return {"tokens": sum(map(len, read))}
            return {"scores": [verifier.score(tokens) for tokens in read]}


def scored(verifier: AnswerVerifier, asked: Mapping[str, Any]) -> list[float]:
    """The scores of all candidates of one question: they are seen together."""
    candidates = [_candidate(at, each) for at, each in enumerate(asked["candidates"])]
    examples = tuple(Example(call, expected) for call, expected in asked["examples"])
    task = Task((), 1, examples=examples, inputs=tuple(asked["inputs"]))
    kind = annotated_kind(asked["prompt"], asked["function"])
    together = np.arange(len(candidates))[None, :]
    rows = Behaving.of(candidates, task, kind).features(together)
    read = [*(program_buckets(each.text) for each in candidates), prompt_buckets(asked["prompt"])]
    vectors = verifier.encode(read)
    scores = verifier.scores(
        [each[:-1] for each in vectors],
        [each[-1:] for each in vectors],
        rows.reshape(-1, rows.shape[-1]),
    )
    return [float(score) for score in scores]


def _candidate(at: int, told: Mapping[str, Any]) -> Candidate:
    scores = {} if told["nll"] is None else {NLL: told["nll"]}
    return Candidate(
        at, "", told["text"], told["ending"], told["tokens"], scores, _outputs(told["outputs"])
    )


def _outputs(told: Mapping[str, tuple[str, bool]]) -> dict[str, Output]:
    return {call: Output(text, returned) for call, (text, returned) in told.items()}


def _text(asked: Mapping[str, Any], candidate: Mapping[str, Any]) -> str:
    """What a T5 reads of an answer."""
    outputs = _outputs(candidate["outputs"])
    given = (outputs.get(call) for call in asked["inputs"])
    return written(asked["description"], candidate["program"], given)


def serve(
    verifier: AnswerVerifier | CheckpointVerifier, questions: Iterable[str], out: TextIO
) -> None:
    """Answer line by line; what is wrong with one question is its answer, and no other's."""
    for line in questions:
        asked: Any = None
        told: dict[str, Any] = {}
        try:
            asked = json.loads(line)
            told = answered(verifier, asked)
        except Exception as error:  # noqa: BLE001 the outermost handler of a question
            told["error"] = f"{type(error).__name__}: {error}"
        _say(out, {"id": asked.get("id") if isinstance(asked, dict) else None} | told)


def _say(out: TextIO, told: Mapping[str, Any]) -> None:
    print(json.dumps(told), file=out, flush=True)


def main(path: Path) -> int:
    """Load what is there, and answer until the input ends."""
    try:
        verifier = (CheckpointVerifier if path.is_dir() else AnswerVerifier).load(path)
    except (LoadFailed, UnreadableVerifier, OSError) as error:
        _say(sys.stdout, {"error": str(error)})
        return 1
    except Exception as error:  # noqa: BLE001 likewise of the start: libraries raise what they like
        _say(sys.stdout, {"error": f"{path} cannot be loaded: {type(error).__name__}: {error}"})
        return 1
    _say(sys.stdout, {"ready": True})
    serve(verifier, sys.stdin, sys.stdout)
    return 0


if __name__ == "__main__":
    die_with(int(sys.argv[2]))
    raise SystemExit(main(Path(sys.argv[1])))
