"""How models that were trained to fill in the middle want to be asked, by family.

Guards against a prompt in another family's tokens, which a model reads as plain text, and against
one that is written twice. It does not guard against a model whose vocabulary has the tokens of a
family and that was never trained on them: `fim = "none"` in the settings says so.

A family is known by the tokens of its vocabulary, or by the keys of a GGUF file that name them.
Files of the same repository stand before the code where a family was trained on such prompts
(Qwen, StarCoder 2, DeepSeek, and Codestral as editors write it); others do not see them.
"""

from __future__ import annotations

import re
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

_PLACE: Final = re.compile(r"\{(context|prefix|suffix)\}")
_FILE_PLACE: Final = re.compile(r"\{(path|text)\}")
_WORD_MARK: Final = "▁"
"""SentencePiece's space, with which Code Llama's tokens begin in a vocabulary and not in a text."""


@dataclass(frozen=True, slots=True)
class FimTemplate:
    """A prompt for the text between a prefix and a suffix.

    `form` has the places `{prefix}` and `{suffix}`, and `{context}` where other files stand. These
    are `opening`, one `file` each (with `{path}` and `{text}`) and `closing`, which begins the file
    that is completed; without `file` they are left out. `stop` are the special tokens at which an
    answer ends.
    """

    form: str
    stop: tuple[str, ...] = ()
    opening: str = ""
    file: str = ""
    closing: str = ""

    def __post_init__(self) -> None:
        places = _PLACE.findall(self.form)
        if sorted(set(places) - {"context"}) != ["prefix", "suffix"] or len(set(places)) < len(
            places
        ):
            raise ValueError("a template has {prefix} and {suffix}, each once")
        if self.file and ("context" not in places or "{text}" not in self.file):
            raise ValueError("files need {context} in the template, and {text} in their own")

    @property
    def marks(self) -> tuple[str, ...]:
        """The tokens between which prefix and suffix stand, in order."""
        return tuple(mark for part in _PLACE.split(self.form)[::2] if (mark := part.strip()))

    def render(self, prefix: str, suffix: str, extra: Sequence[tuple[str, str]] = ()) -> str:
        """The prompt that asks for the text between two; `extra` are other files and their text."""
        parts = {"prefix": prefix, "suffix": suffix, "context": self.context(extra)}
        return _PLACE.sub(lambda place: parts[place[1]], self.form)

    def context(self, extra: Sequence[tuple[str, str]]) -> str:
        """Other files as they stand before the code; nothing where the family has no form."""
        if not extra or not self.file:
            return ""
        return self.opening + "".join(self._file(*file) for file in extra) + self.closing

    def _file(self, path: str, text: str) -> str:
        parts = {"path": path, "text": text if text.endswith("\n") else f"{text}\n"}
        return _FILE_PLACE.sub(lambda place: parts[place[1]], self.file)

    def written(self, text: str) -> bool:
        """Whether somebody has written a text in this form already.

        It holds all marks, at its very end or beginning too: code that only names them does not.
        """
        marks = self.marks
        if not marks or not all(mark in text for mark in marks):
            return False
        return text.lstrip().startswith(marks[0]) or text.rstrip().endswith(marks[-1])


_QWEN: Final = FimTemplate(
    "{context}<|fim_prefix|>{prefix}<|fim_suffix|>{suffix}<|fim_middle|>",
    stop=(
        *("<|endoftext|>", "<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "<|fim_pad|>"),
        *("<|repo_name|>", "<|file_sep|>", "<|im_start|>", "<|im_end|>"),
    ),
    # The names that llama.cpp gives a repository and a file of which no name is told.
    opening="<|repo_name|>myproject\n",
    file="<|file_sep|>{path}\n{text}",
    closing="<|file_sep|>filename\n",
)

_CODEGEMMA: Final = FimTemplate(
    "<|fim_prefix|>{prefix}<|fim_suffix|>{suffix}<|fim_middle|>",
    stop=("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "<|file_separator|>", "<eos>"),
)

_STARCODER: Final = FimTemplate(
    "<fim_prefix>{prefix}<fim_suffix>{suffix}<fim_middle>",
    stop=(
        *("<|endoftext|>", "<fim_prefix>", "<fim_suffix>", "<fim_middle>", "<fim_pad>"),
        *("<filename>", "<reponame>", "<gh_stars>"),
    ),
)

_STARCODER2: Final = FimTemplate(
    "{context}<fim_prefix>{prefix}<fim_suffix>{suffix}<fim_middle>",
    stop=(
        *("<|endoftext|>", "<fim_prefix>", "<fim_suffix>", "<fim_middle>", "<fim_pad>"),
        *("<file_sep>", "<repo_name>"),
    ),
    opening="<repo_name>myproject",
    file="<file_sep>{path}\n{text}",
    closing="<file_sep>",
)

_DEEPSEEK: Final = FimTemplate(
    "<｜fim▁begin｜>{context}{prefix}<｜fim▁hole｜>{suffix}<｜fim▁end｜>",  # noqa: RUF001 its own tokens
    stop=(
        *("<｜end▁of▁sentence｜>", "<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>"),  # noqa: RUF001
        "<|EOT|>",
    ),
    file="#{path}\n{text}",
)

_CODELLAMA: Final = FimTemplate(
    "<PRE> {prefix} <SUF>{suffix} <MID>", stop=("<EOT>", "<PRE>", "<SUF>", "<MID>")
)

_CODESTRAL: Final = FimTemplate(
    "[SUFFIX]{suffix}[PREFIX]{context}{prefix}",
    stop=("</s>", "[SUFFIX]", "[PREFIX]", "[MIDDLE]"),
    file="+++++ {path}\n{text}\n",
    closing="+++++ filename\n",
)

FAMILIES: Final[Mapping[str, FimTemplate]] = MappingProxyType(
    {
        "qwen": _QWEN,
        "codegemma": _CODEGEMMA,
        "starcoder2": _STARCODER2,
        "starcoder": _STARCODER,
        "deepseek": _DEEPSEEK,
        "codellama": _CODELLAMA,
        "codestral": _CODESTRAL,
    }
)
"""As the settings name them; of two with the same marks the one of more tokens comes first."""

_TELLING: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {"qwen": ("<|repo_name|>", "<|file_sep|>"), "starcoder2": ("<file_sep>", "<repo_name>")}
)
"""The tokens, beside its marks, by which one family is told from another."""


def template_of(vocabulary: Container[str], named: Mapping[str, str]) -> FimTemplate | None:
    """The template of a model, by its tokens; None where it has none for filling in.

    `named` are those that its file names by their use: `prefix`, `suffix`, `middle`, and `file`,
    `repository`, `pad`, `end`.
    """
    marks = {named[use].strip(_WORD_MARK) for use in ("prefix", "suffix") if use in named}
    for name, family in FAMILIES.items():
        tokens = [*family.marks, *_TELLING.get(name, ())]
        if all(_has(vocabulary, token) for token in tokens) and marks <= set(family.marks):
            stop = tuple(token for token in family.stop if _has(vocabulary, token))
            return replace(family, stop=stop)
    return _from_uses(named)


def _has(vocabulary: Container[str], token: str) -> bool:
    return token in vocabulary or _WORD_MARK + token in vocabulary


def _from_uses(named: Mapping[str, str]) -> FimTemplate | None:
    """The template that a file's keys make where they name no family's tokens."""
    match named:
        case {"prefix": prefix, "suffix": suffix, "middle": middle}:
            form = f"{prefix}{{prefix}}{suffix}{{suffix}}{middle}"
            separator = named.get("file", "")
            return FimTemplate(
                f"{{context}}{form}" if separator else form,
                stop=tuple(dict.fromkeys(named.values())),
                file=f"{separator}{{path}}\n{{text}}" if separator else "",
                closing=f"{separator}filename\n" if separator else "",
            )
        case _:
            return None
