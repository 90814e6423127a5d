"""Language models as transformers load them: a catalogue's GGUF file, or a model directory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from router.catalogue.entries import UnknownModel, lookup
from router.catalogue.store import find

if TYPE_CHECKING:
    import torch


MISSING: Final = "{name} is not installed: make torch, or pip install 'budget-router[torch]'"


class LoadFailed(RuntimeError):
    """A model cannot be had; the message says which, why and what to do."""


@dataclass(frozen=True, slots=True)
class LanguageModel:
    """A causal language model and its tokenizer."""

    model: Any
    tokenizer: Any

    def tokens(self, text: str, *, special: bool) -> list[int]:
        """Token ids; `special` adds what the model wants to see before a prompt."""
        ids: list[int] = self.tokenizer(text, add_special_tokens=special).input_ids
        return ids

    def texts(self, tokens: Sequence[Sequence[int]]) -> list[str]:
        """What tokens say; control tokens say nothing."""
        texts: list[str] = self.tokenizer.batch_decode(tokens, skip_special_tokens=True)
        return texts

    def tensor(self, ids: object) -> torch.Tensor:
        """Token ids where the model is."""
        import torch  # noqa: PLC0415

        return torch.tensor(ids, device=self.model.device)


def versions() -> str:
    """The engine's name, with what decides its numbers. Raises `LoadFailed`."""
    try:
        found = [metadata.version(name).partition("+")[0] for name in ("transformers", "torch")]
    except metadata.PackageNotFoundError as error:
        raise LoadFailed(MISSING.format(name=error.name)) from error
    return "transformers {} (torch {}, bfloat16)".format(*found)


@contextmanager
def importing() -> Iterator[None]:
    """Say what to install where an import fails. Raises `LoadFailed`."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise LoadFailed(MISSING.format(name=error.name)) from error


def device() -> str:
    """Where models run here."""
    import torch  # noqa: PLC0415

    return "cuda" if torch.cuda.is_available() else "cpu"


def gpus() -> list[str]:
    """The GPU that a model loaded here would run on, if there is one."""
    import torch  # noqa: PLC0415

    return [torch.cuda.get_device_name()] if device() == "cuda" else []


def locate(name: str, models: Path) -> Path:
    """A model by its own path, or the catalogue's file of that name among the pulled `models`.

    Raises `LoadFailed`.
    """
    if (path := Path(name)).exists():
        return path
    try:
        found = find(lookup(name), models)
    except UnknownModel as error:
        raise LoadFailed(f"{error}, and there is no directory of that name") from error
    if found is None:
        raise LoadFailed(f"{name} is not in {models}: budget-router models pull {name}")
    return found


def load(path: Path) -> LanguageModel:
    """Load a GGUF file, or a directory of safetensors, in bfloat16. Raises `LoadFailed`.

    A GGUF's weights are unpacked: the product of many rows with packed weights is several times
    slower, since each row unpacks them again.
    """
    with importing():
        import torch  # noqa: PLC0415 gigabytes that only this needs
        from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig  # noqa: PLC0415
    file = {"gguf_file": path.name} if path.is_file() else {}
    unpacked = {"quantization_config": GgufConfig(dequantize=True)} if file else {}
    directory = path.parent if file else path
    try:
        tokenizer = AutoTokenizer.from_pretrained(directory, **file)
        model = AutoModelForCausalLM.from_pretrained(
            directory, dtype=torch.bfloat16, **file, **unpacked
        )
    except (OSError, ValueError, ImportError) as error:
        raise LoadFailed(f"{path} cannot be loaded by transformers: {error}") from error
    model.to(device()).eval()
    return LanguageModel(model, tokenizer)
