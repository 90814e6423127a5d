"""How a model fills in the middle, as an operator says it where the model's files do not tell."""

from __future__ import annotations

from typing import Annotated, Final, Self, TypeAlias

from pydantic import AfterValidator, Discriminator, Tag, model_validator

from router.catalogue.entries import CATALOGUE
from router.catalogue.fim import FAMILIES, FimTemplate
from router.sections.section import Strict


class FimConfig(Strict):
    """A fill-in-the-middle template of one's own; see `router.catalogue.fim.FimTemplate`."""

    template: str
    stop: tuple[str, ...] = ()
    opening: str = ""
    file: str = ""
    closing: str = ""

    def made(self) -> FimTemplate:
        """The template. Raises ValueError."""
        return FimTemplate(self.template, self.stop, self.opening, self.file, self.closing)

    @model_validator(mode="after")
    def _renders(self) -> Self:
        self.made()
        return self


NO_FIM: Final = "none"
"""The family of a model that was not trained to fill in, whatever its vocabulary has."""


def _family(name: str) -> str:
    known = [NO_FIM, *FAMILIES, *(entry.id for entry in CATALOGUE.values() if entry.fim)]
    if name not in known:
        raise ValueError(f"no family {name!r}; there are {', '.join(known)}, or a template")
    return name


def _kind_of_fim(value: object) -> str:
    return "name" if isinstance(value, str) else "template"


Fim: TypeAlias = Annotated[
    Annotated[str, AfterValidator(_family), Tag("name")] | Annotated[FimConfig, Tag("template")],
    Discriminator(_kind_of_fim),
]
"""A family, a catalogue model of that family, or a template."""
