"""What single fields of a body may hold, and what of it means that they were not set.

Where a value has another shape than it must, the error says what was expected. Long lists are read
up to their first fault (`FailFast`): nobody is told of the others, of which there may be millions.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, FailFast, Field

from router.request import AUTO

_LONGEST_MODEL_ID: Final = 256


def _number(value: object) -> object:
    """`true` and "5" are no numbers, though they can be read as some."""
    if isinstance(value, bool | str):
        raise ValueError("a number")  # noqa: TRY004 pydantic's way to say so
    return value


def _stops(value: object) -> object:
    """What is not understood would be passed over by some servers, and decides what is tested.

    An empty text is no stop: some servers would end each answer with it before it began.
    """
    match value:
        case None | str():
            return value or None
        case list() if all(isinstance(stop, str) for stop in value):
            return [stop for stop in value if stop]
    raise ValueError("a text or a list of texts")


def _format(value: object) -> object:
    """What has another shape some servers pass over, and answer without any form."""
    match value:
        case None | {"type": str()}:
            return value
    raise ValueError('an object with a type, such as {"type": "json_object"}')


def _modalities(value: object) -> object:
    """There is nothing here but text."""
    match value:
        case None | ["text"]:
            return value
    raise ValueError('["text"], all that this gateway answers in')


def no_list(value: object) -> object:
    """Null is an empty list."""
    return [] if value is None else value


def _no_model(value: object) -> object:
    """Clients that know no model's name send an empty one, or null."""
    return AUTO if value is None or value == "" else value


def _no_length(value: object) -> object:
    """Where llama.cpp's clients set no limit, they say -1."""
    return None if value == -1 else value


Integer: TypeAlias = Annotated[int, BeforeValidator(_number)]
Number: TypeAlias = Annotated[float, BeforeValidator(_number)]
Tokens: TypeAlias = Annotated[Integer, Field(ge=0, lt=2**31)]
"""A number of tokens, of a size that servers and floats can still take."""

Length: TypeAlias = Annotated[
    Tokens | None,
    BeforeValidator(_no_length, json_schema_input_type=Tokens | Literal[-1] | None),
]
"""The most tokens that an answer may have; None is no limit, and so is -1."""

ModelId: TypeAlias = Annotated[str, Field(max_length=_LONGEST_MODEL_ID)]
Model: TypeAlias = Annotated[
    ModelId, BeforeValidator(_no_model, json_schema_input_type=ModelId | None)
]
Stops: TypeAlias = Annotated[
    Any, BeforeValidator(_stops, json_schema_input_type=str | list[str] | None)
]


class ResponseFormat(BaseModel):
    """OpenAI's `response_format`, for those who read the schema; the rest is the server's."""

    model_config = ConfigDict(extra="allow")
    type: str


Form: TypeAlias = Annotated[
    Any, BeforeValidator(_format, json_schema_input_type=ResponseFormat | None)
]
_TextAlone: TypeAlias = Annotated[list[Literal["text"]], Field(min_length=1, max_length=1)]
Modalities: TypeAlias = Annotated[
    Any, BeforeValidator(_modalities, json_schema_input_type=_TextAlone | None)
]
Tools: TypeAlias = Annotated[
    list[dict[str, Any]],
    FailFast(),
    BeforeValidator(no_list, json_schema_input_type=list[dict[str, Any]] | None),
]
