"""Runs the programs that answers make on inputs, for selectors that look at what programs do.

What a program does wrong is a missing output; so is a fault of ours, and then the selector has that
much less to go by. What came by a deadline counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from typing import Final, Self

from policies.protocol import Execute
from policies.values import FAILS, HOLDS, Example, Output
from router.concurrent import concurrently
from router.plan.ports import Tell
from router.plan.programs import examples_of, inputs_of, program_source
from router.plan.programs.prompts.asserts import Check, check_of
from router.plan.programs.prompts.literals import identity_of_call
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

MOST: Final = Limits(wall_s=1.0, cpu_s=1.0, total_s=3.0)
"""Of a program: until it is loaded, and on all its inputs. Each of these has a bound besides."""

AT_ONCE: Final = 4
"""Programs of one command that the sandbox is given at a time: others' tests need places too."""


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
        """Those of a prompt for the function that it asks for; unless `shown`, without examples.

        What the sandbox could not be handed is left out.
        """
        found = examples_of(prompt, name) if shown else ()
        texts, calls = dict[str, str](), dict[str, Arguments]()
        for one in inputs_of(prompt, name, found):
            with suppress(InvalidTests):
                arguments = Arguments(one.args, one.kwargs)
                text = texts[identity_of_call(one)] = _text(name, one.args, one.kwargs)
                calls[text] = arguments
        examples = tuple(
            Example(texts[same], canonical(one.expected))
            for one in found
            if (same := identity_of_call(one.call)) in texts
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
    limits: Limits = MOST

    async def execute(self, command: Execute, tell: Tell) -> None:
        """Tell the outputs of each candidate, in the order of the inputs, as its program ends."""
        alike: dict[str, list[int]] = {}
        for candidate in command.candidates:
            alike.setdefault(candidate.text, []).append(candidate.id)

        async def run(text: str) -> None:
            try:
                outputs = await self.outputs(text, command.inputs)
            except SandboxError:
                outputs = (None,) * len(command.inputs)
            for at in alike[text]:
                tell(at, outputs)

        await concurrently(alike, run, at_once=AT_ONCE)

    async def outputs(self, text: str, inputs: Sequence[str]) -> tuple[Output | None, ...]:
        """What an answer's program gives for each input. Raises `SandboxError`.

        An input is a call of the trials', or an assert that a model wrote: whether that holds is
        told here, by what its call gave.
        """
        name = self.trials.entry_point
        try:
            source = program_source(self.prompt, text, Asserts("", name))
            asked = [self._asked(one) for one in inputs]
            calls = tuple(arguments for arguments, _ in asked)
            given = await self.backend.execute(Execution(source, name, calls), self.limits)
        except (InvalidProgram, InvalidTests):
            return (None,) * len(inputs)
        outputs = (None if one is None else Output(one.text, one.returned) for one in given)
        return tuple(_held(out, check) for out, (_, check) in zip(outputs, asked, strict=True))

    def _asked(self, asked: str) -> tuple[Arguments, Check | None]:
        """The arguments of an input, and what an assert says of it. Raises `InvalidTests`."""
        if asked in self.trials.calls:
            return self.trials.calls[asked], None
        check = check_of(asked, self.trials.entry_point)
        if check is None:
            raise InvalidTests(f"no input: {asked[:80]!r}")
        return Arguments(check.call.args, check.call.kwargs), check


def _held(output: Output | None, check: Check | None) -> Output | None:
    """Whether an assert holds where the output is that of its call; other outputs as they are."""
    if check is None or output is None:
        return output
    right = output.returned and output.text == canonical(check.expected)
    return HOLDS if right else FAILS


def within(caps: Limits) -> Limits:
    """What programs may use where an operator caps runs.

    Their disk is as large as that of tests: a sandbox of another size has to be made anew.
    """
    pairs = (
        (each.name, getattr(MOST, each.name), getattr(caps, each.name)) for each in fields(MOST)
    )
    found = {name: min(own, cap) for name, own, cap in pairs}
    return Limits(**found | {"disk_bytes": caps.disk_bytes})


def _text(name: str, args: Sequence[object], kwargs: Mapping[str, object]) -> str:
    told = [*map(repr, args), *(f"{key}={value!r}" for key, value in kwargs.items())]
    return f"{name}({', '.join(told)})"
