"""What a verifier reads of executions: how a program behaves, and how the others drawn do.

Nothing here depends on the problem's tests. Outputs that a prompt's examples say are read where the
task has examples, and nowhere else.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from policies.selection.executions import share_right
from policies.values import NLL, Candidate, Output, Task

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]

KINDS: Final = ("bool", "none", "number", "str", "sequence", "mapping", "other")
"""Of results, as their texts tell them apart."""

_RAISED: Final[Mapping[str, str]] = {
    "TypeError": "raised_type",
    "AttributeError": "raised_type",
    "NameError": "raised_name",
    "UnboundLocalError": "raised_name",
    "ValueError": "raised_value",
    "IndexError": "raised_lookup",
    "KeyError": "raised_lookup",
    "RecursionError": "no_end",
    "timeout": "no_end",
}

_COUNTED: Final = (
    *(f"gave_{kind}" for kind in KINDS),
    *dict.fromkeys(_RAISED.values()),
    "raised_other",
    "gave_nothing",
)
"""What can come of an input: results first."""

_OWN: Final = (
    "nll",
    "total_nll",
    "log_tokens",
    "cut",
    "has_examples",
    "examples_right",
    *(f"asks_{kind}" for kind in KINDS),
)
_TOGETHER: Final = (
    "log_drawn",
    "alone",
    "agreement",
    "agreement_behind",
    "agreement_of_all",
    "group",
    "group_behind",
    "groups",
    "mute",
    "as_asked",
    "nll_behind",
    "nll_above_mean",
)
FEATURES: Final = (*_OWN, *_COUNTED, "returned", "distinct", *_TOGETHER)
"""Their names, in order; shares but where the name says otherwise."""


_ANNOTATED: Final[Mapping[str, str]] = {
    "bool": "bool",
    "none": "none",
    "int": "number",
    "float": "number",
    "complex": "other",
    "str": "str",
    "list": "sequence",
    "tuple": "sequence",
    "set": "sequence",
    "sequence": "sequence",
    "iterable": "sequence",
    "dict": "mapping",
    "mapping": "mapping",
}
"""What annotations say of results, without the case of their letters."""


def annotated_kind(text: str, name: str) -> str | None:
    """The kind of result that the head of a function says it returns; None where it says nothing.

    A head's parameters take a thousand characters at most: many that never end would be read from
    each to the end of the text.

    >>> annotated_kind("def f(a: int) -> List[int]: ...", "f")
    'sequence'
    """
    head = rf"def\s+{re.escape(name)}\s*\([^)]{{0,1000}}\)\s*->\s*(?:typing\.)?(\w+)"
    found = re.search(head, text)
    return _ANNOTATED.get(found.group(1).lower()) if found else None


def kind_of(text: str) -> str:
    """The kind of a result, by its text."""
    if text.lower() in _CONSTANTS:
        return _CONSTANTS[text.lower()]
    if text.lstrip("-")[:3] in {"inf", "nan"}:
        return "number"
    return _BEGINNINGS.get(text[:1], "other")


_CONSTANTS: Final[Mapping[str, str]] = {"true": "bool", "false": "bool", "none": "none"}
_BEGINNINGS: Final[Mapping[str, str]] = {
    "[": "sequence",
    "(": "sequence",
    "{": "mapping",
    '"': "str",
    **dict.fromkeys("-0123456789", "number"),
}


@dataclass(frozen=True, slots=True)
class Behaving:
    """Candidates as arrays, with what each gave for every input of the task.

    `codes` are the same for what is the same, 0 where nothing came; `names` are places in
    `_COUNTED`. `own` are the features that no other candidate has a part in.
    """

    codes: Ints
    names: Ints
    own: Floats

    @classmethod
    def of(cls, candidates: Sequence[Candidate], task: Task, kind: str | None) -> Behaving:
        """`kind` is that of the results that are asked for, None where the prompt does not say."""
        known = dict[Output | None, int]({None: 0})
        given = [[each.outputs.get(call) for call in task.inputs] for each in candidates]
        codes = [[known.setdefault(output, len(known)) for output in row] for row in given]
        places = np.array([_COUNTED.index(_name(output)) for output in known])
        own = [_own(each, task, kind) for each in candidates]
        shape = len(candidates), len(task.inputs)
        table = np.array(codes, dtype=np.int64).reshape(shape)
        return cls(table, places[table], np.array(own, dtype=np.float64).reshape(-1, len(_OWN)))

    def features(self, drawn: Ints) -> Floats:
        """(sets, k, features) of (sets, k) places of candidates: those of a row drawn together."""
        codes, names, own = self.codes[drawn], self.names[drawn], self.own[drawn]
        counts = _counts(codes, names)
        asked = (own[..., -len(KINDS) :] * counts[..., : len(KINDS)]).sum(axis=-1)
        told = _shared(codes, names) | _likelihoods(own[..., _OWN.index("nll")])
        told["as_asked"] = asked
        columns = np.stack([told[name] for name in _TOGETHER], axis=-1)
        return np.concatenate([own, counts, columns], axis=-1)


def _own(candidate: Candidate, task: Task, kind: str | None) -> list[float]:
    nll = candidate.score(NLL) or 0.0
    kinds = [float(kind == each) for each in KINDS]
    return [
        nll,
        math.log1p(nll * candidate.tokens),
        math.log1p(candidate.tokens),
        float(candidate.cut),
        float(bool(task.examples)),
        share_right(candidate, task.examples),
        *kinds,
    ]


def _kept(names: Ints) -> Floats:
    """(sets, 1, inputs) weights that are 1 in sum, of the inputs that count.

    As `Results.of` has it: on which more than half return something, else all.
    """
    returned = (names < len(KINDS)).sum(axis=1)
    telling = 2 * returned > names.shape[1]
    telling |= ~telling.any(axis=1, keepdims=True)
    weights: Floats = telling / np.maximum(telling.sum(axis=1, keepdims=True), 1)
    return weights[:, None, :]


def _counts(codes: Ints, names: Ints) -> Floats:
    """(sets, k, features): shares of the inputs that count on which each kind of thing came."""
    kept = _kept(names)
    shares = np.stack([((names == at) * kept).sum(axis=-1) for at in range(len(_COUNTED))], axis=-1)
    returned = shares[..., : len(KINDS)].sum(axis=-1)
    counted = (kept > 0) & (names < len(KINDS))
    alike = ((codes[..., :, None] == codes[..., None, :]) & counted[..., None, :]).sum(axis=-1)
    # Of the results that are alike each is one share: so together they count once.
    distinct = (counted / np.maximum(alike, 1)).sum(axis=-1)
    results = np.maximum(counted.sum(axis=-1), 1)
    more = np.stack([returned, distinct / results], axis=-1)
    return np.concatenate([shares, more], axis=-1)


def _shared(codes: Ints, names: Ints) -> dict[str, Floats]:
    """(sets, k) each: how far a candidate does what the others do."""
    kept, k = _kept(names), codes.shape[1]
    equal = codes[:, :, None, :] == codes[:, None, :, :]
    came = (codes > 0)[:, :, None, :]
    pairs = (equal & came) * kept[:, None]
    agreement = (pairs.sum(axis=(2, 3)) - (came[:, :, 0] * kept).sum(axis=-1)) / max(k - 1, 1)
    sizes = (equal | (kept[:, None] == 0)).all(axis=-1).sum(axis=-1)
    largest, best = sizes.max(axis=1, keepdims=True), agreement.max(axis=1, keepdims=True)
    whole = np.ones_like(agreement)
    return {
        "log_drawn": math.log(k) * whole,
        "alone": float(k == 1) * whole,
        "agreement": agreement,
        "agreement_behind": best - agreement,
        "agreement_of_all": agreement.mean(axis=1, keepdims=True) * whole,
        "group": (sizes - 1) / max(k - 1, 1),
        "group_behind": (largest - sizes) / max(k - 1, 1),
        "groups": (1 / sizes).sum(axis=1, keepdims=True) / k * whole,
        "mute": ((names < len(KINDS)) * kept).sum(axis=-1) == 0,
    }


def _likelihoods(nll: Floats) -> dict[str, Floats]:
    return {
        "nll_behind": nll - nll.min(axis=1, keepdims=True),
        "nll_above_mean": nll - nll.mean(axis=1, keepdims=True),
    }


def _name(output: Output | None) -> str:
    """What counts an output."""
    if output is None:
        return "gave_nothing"
    if output.returned:
        return f"gave_{kind_of(output.text)}"
    return _RAISED.get(output.text, "raised_other")
