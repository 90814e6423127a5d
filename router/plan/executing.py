"""Runs the programs that answers make on inputs, for selectors that look at what programs do.

What a program does wrong is a missing output; so is a fault of ours, and then the selector has that
much less to go by.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Self

from policies.protocol import Execute
from policies.values import Example, Output
from router.plan.programs import examples_of, inputs_of, program_source
from router.request import Prompt
from sandbox import (
    Arguments,
    Asserts,
    Backend,
    Execution,
    InvalidProgram,
    InvalidTests,
    Limits,
    SandboxError,
    canonical,
)

_LIMITS: Final = Limits(wall_s=5.0, cpu_s=5.0, total_s=5.0)
"""Of a program on all its inputs, each of which has a bound of its own besides."""


@dataclass(frozen=True, slots=True)
class Trials:
    """What a prompt tells of how its answers can be run: a function, and calls of it by their text.

    `examples` are those calls whose output the prompt says.
    """

    entry_point: str
    calls: Mapping[str, Arguments]
    examples: tuple[Example, ...] = ()

    @classmethod
    def of(cls, prompt: Prompt, name: str, *, shown: bool = True) -> Self:
        """Those of a prompt for the function that it asks for; unless `shown`, without examples."""
        found = examples_of(prompt, name) if shown else ()
        calls = {}
        for one in inputs_of(prompt, name, found):
            calls[_text(name, one.args, one.kwargs)] = Arguments(one.args, one.kwargs)
        examples = tuple(
            Example(_text(name, one.args, one.kwargs), canonical(one.expected)) for one in found
        )
        return cls(name, calls, examples)

    @property
    def inputs(self) -> tuple[str, ...]:
        """The texts of the calls, those of the examples first."""
        return tuple(self.calls)


@dataclass(frozen=True, slots=True)
class SandboxExecutor:
    """Runs the answers to one request in the sandbox; answers with one program are run once."""

    backend: Backend
    prompt: Prompt
    trials: Trials

    async def execute(self, command: Execute) -> Mapping[int, tuple[Output | None, ...]]:
        """The outputs of each candidate by its id, in the order of the inputs."""
        texts = list(dict.fromkeys(candidate.text for candidate in command.candidates))
        async with asyncio.TaskGroup() as group:
            running = {text: group.create_task(self._run(text, command.inputs)) for text in texts}
        return {candidate.id: running[candidate.text].result() for candidate in command.candidates}

    async def _run(self, text: str, inputs: Sequence[str]) -> tuple[Output | None, ...]:
        name = self.trials.entry_point
        try:
            source = program_source(self.prompt, text, Asserts("", name))
            calls = tuple(self.trials.calls[call] for call in inputs)
            given = await self.backend.execute(Execution(source, name, calls), _LIMITS)
        except (InvalidProgram, InvalidTests, SandboxError):
            return (None,) * len(inputs)
        return tuple(None if one is None else Output(one.text, one.returned) for one in given)


def _text(name: str, args: Sequence[object], kwargs: Mapping[str, object]) -> str:
    told = [*map(repr, args), *(f"{key}={value!r}" for key, value in kwargs.items())]
    return f"{name}({', '.join(told)})"
