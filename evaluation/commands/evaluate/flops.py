"""`budget-router evaluate flops`: what one sample of a model costs, from its sizes alone."""

from __future__ import annotations

import json
from typing import Annotated, Literal

import typer

from evaluation.architectures import TERA, UnknownModelName, architecture
from evaluation.commands.common.failing import failing_on
from evaluation.commands.common.options import AsJson


def run(
    *,
    model: Annotated[str, typer.Option(help="Such as codellama-7b or qwen2.5-coder-0.5b.")],
    seq_len: Annotated[int, typer.Option(min=1, help="Tokens of one sample.")] = 128,
    basis: Annotated[
        Literal["paper", "exact"],
        typer.Option(help="The linear layers, as the paper counts; or attention as well."),
    ] = "paper",
    prompt_tokens: Annotated[
        int, typer.Option(min=0, help="Of --seq-len, for the exact basis.")
    ] = 0,
    as_json: AsJson = False,
) -> None:
    """Print what one sample costs, from a model's sizes alone: no weights are needed."""
    if prompt_tokens >= seq_len:
        raise typer.BadParameter("--prompt-tokens must be less than --seq-len")
    with failing_on(UnknownModelName):
        sizes = architecture(model)
    if basis == "exact":  # the first tokens are the prompt; the paper does not tell them apart
        prefill = sizes.prefill(prompt_tokens) if prompt_tokens else 0.0
        flops = prefill + sizes.decode(prompt_tokens, seq_len - prompt_tokens)
    else:
        flops = sizes.paper(seq_len)
    if as_json:
        typer.echo(json.dumps({"model": model, "tflops": flops / TERA}))
    else:
        typer.echo(f"{model}: {flops / TERA:.4f} TFLOPs for {seq_len} tokens ({basis} basis)")
