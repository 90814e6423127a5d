"""How a policy file is read, with what can be wrong with it, and how it is written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from router.artifact.artifact import FORMAT, SCHEMA, Artifact, InvalidArtifact

MOST_BYTES: Final = 64 * 2**20

SHIPPED: Final = Path(__file__).parents[1] / "qwen2.5-coder.policy.json"
"""The one for the embedded pair, which is what `auto` does."""


def read_artifact(path: Path) -> Artifact:
    """Read a policy file. Raises `InvalidArtifact`, which names the file, and OSError."""
    if path.stat().st_size > MOST_BYTES:
        raise InvalidArtifact(
            f"{path} is larger than any policy: {MOST_BYTES:,} bytes are the most"
        )
    text = path.read_bytes()
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidArtifact(f"{path} is damaged, or no JSON: {error}") from error
    match value:
        case {"format": format_, "schema": schema} if format_ == FORMAT and type(schema) is int:
            if schema != SCHEMA:
                newer = "a newer" if schema > SCHEMA else "an older"
                raise InvalidArtifact(
                    f"{path} has schema {schema}, of {newer} version of this program, which reads "
                    f"{SCHEMA}: calibrate again with this one"
                )
        case _:
            raise InvalidArtifact(f"{path} is no policy of `budget-router calibrate`")
    try:
        return Artifact.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = f", at {'.'.join(map(str, first['loc']))}" if first["loc"] else ""
        said = str(first["ctx"]["error"]) if first["type"] == "value_error" else first["msg"]
        raise InvalidArtifact(f"{path} is damaged{place}: {said}") from error


def text_of(artifact: Artifact) -> str:
    """As the file has it: a ladder a line."""
    whole = json.loads(artifact.model_dump_json(by_alias=True, exclude_none=True))
    return _lines(whole) + "\n"


def _lines(value: Any, depth: int = 0) -> str:
    """JSON with what is deeper than a ladder on one line."""
    inner, outer = "\n" + "  " * (depth + 1), "\n" + "  " * depth
    match value:
        case dict() if value and "calls" not in value:
            parts = [f"{json.dumps(key)}: {_lines(each, depth + 1)}" for key, each in value.items()]
            return "{" + inner + f",{inner}".join(parts) + outer + "}"
        case list() if any(isinstance(each, dict) for each in value):
            parts = [_lines(each, depth + 1) for each in value]
            return "[" + inner + f",{inner}".join(parts) + outer + "]"
        case _:
            return json.dumps(value)
