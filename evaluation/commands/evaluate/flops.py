"""`budget-router evaluate flops`: what one sample of a model costs, from its sizes alone."""

from __future__ import annotations

import json

import typer

from evaluation.architectures import UnknownModelName, architecture
from evaluation.commands.common.failing import failing_on

TERA = 1e12


def run(
    model: str, *, sequence_length: int, exact: bool, prompt_tokens: int, as_json: bool
) -> None:
    """Print the teraFLOPs of one sample of `sequence_length` tokens; bases as in `policies.cost`.

    On the exact basis the first `prompt_tokens` of them are the prompt and the rest is generated;
    the paper's basis does not tell them apart. Raises `typer.BadParameter` for a prompt that
    leaves nothing to generate.
    """
    if prompt_tokens >= sequence_length:
        raise typer.BadParameter("--prompt-tokens must be less than --seq-len")
    with failing_on(UnknownModelName):
        sizes = architecture(model)
    if exact:
        prefill = sizes.prefill(prompt_tokens) if prompt_tokens else 0.0
        flops = prefill + sizes.decode(prompt_tokens, sequence_length - prompt_tokens)
    else:
        flops = sizes.paper(sequence_length)
    basis = "exact" if exact else "paper"
    if as_json:
        typer.echo(json.dumps({"model": model, "tflops": flops / TERA}))
    else:
        typer.echo(
            f"{model}: {flops / TERA:.4f} TFLOPs for {sequence_length} tokens ({basis} basis)"
        )
