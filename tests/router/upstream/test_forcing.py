"""Which tools can be forced by a schema."""

from typing import Any

import pytest

from router.upstream.forcing import forced

REQUIRED = {"tool_choice": "required"}


def tool(name: str, parameters: object) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "parameters": parameters}}


@pytest.mark.parametrize("parameters", ["abc", [1], True, 5])
def test_parameters_that_are_no_schema_force_nothing(parameters: object) -> None:
    assert forced([tool("f", parameters)], REQUIRED) is None


def test_definitions_of_one_name_must_be_one() -> None:
    def with_item(name: str, kind: str) -> dict[str, Any]:
        return tool(name, {"type": "object", "$defs": {"Item": {"type": kind}}})

    assert forced([with_item("f", "string"), with_item("g", "integer")], REQUIRED) is None
    assert forced([with_item("f", "string"), with_item("g", "string")], REQUIRED) is not None
