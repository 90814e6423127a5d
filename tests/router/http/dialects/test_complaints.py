"""What is wrong with a body is told in our own words: where, what was expected, what is there."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from policies.values import InvalidBudget
from router.errors import InvalidRequest, translate
from router.http.dialects import complaints
from router.http.dialects.chat import Chat, ChatBody, Message
from router.http.dialects.completions import CompletionBody, Completions
from router.http.dialects.dialect import Dialect
from router.http.dialects.fim import Fim, FimBody
from router.http.dialects.infill import ExtraFile, Infill, InfillBody
from router.http.dialects.options import OPTIONS
from router.request import RequestLimits
from sandbox import InvalidTests

LIMITS = RequestLimits()
TEXT, CHATS, FIM, INFILL = Completions(), Chat(), Fim(), Infill()
P: dict[str, Any] = {"prompt": "x"}
M: dict[str, Any] = {"messages": [{"role": "user", "content": "x"}]}
F: dict[str, Any] = {"input_prefix": "x", "input_suffix": "y"}
SPOKEN: tuple[tuple[Dialect, dict[str, Any]], ...] = (
    (TEXT, P),
    (CHATS, M),
    (FIM, P),
    (INFILL, F),
)
BODIES: tuple[type[BaseModel], ...] = (CompletionBody, ChatBody, FimBody, InfillBody)
NOT_OURS = re.compile(
    r"Input should|Value error|Field required|after validation|instance of|Unable to|[a-z]Body|"
    r"StreamOptions|ExtraFile|Message|\b(valid|dict|dictionary|tuple|NoneType|str|string|int|"
    r"integer|float|bool|finite_number|None|True|False|inf)\b"
)
QUOTED = re.compile(r'"(?:\\.|[^"\\])*"')

texts = st.text(alphabet='xy" ', max_size=50)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([1e300, 2**1100, 2**31, 2**63])
    | texts,
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["role", "text", "filename", "include_usage"]), inner)
    ),
    max_leaves=6,
)
names = st.sampled_from(
    sorted({"options", *(name for body in BODIES for name in body.model_fields)})
)
budgets = st.dictionaries(st.sampled_from(["flops", "latency_ms", "target", "policy", "x"]), values)
options = st.dictionaries(st.sampled_from(sorted(OPTIONS)), values)
tests = st.dictionaries(st.sampled_from(["kind", "code", "entry_point", "cases", "limits"]), values)


def refusal(dialect: Dialect, raw: bytes) -> Any:
    with pytest.raises((InvalidRequest, InvalidBudget, InvalidTests)) as caught:
        dialect.read(raw, {}, LIMITS)
    return translate(caught.value)


def message(dialect: Dialect, body: object) -> str:
    return str(refusal(dialect, json.dumps(body).encode()).message)


@given(st.dictionaries(names, values | options | budgets | tests, max_size=4) | values)
def test_no_refusal_has_the_validators_words(fields: Any) -> None:
    for dialect, start in SPOKEN:
        for body in (start | fields, fields) if isinstance(fields, dict) else (fields,):
            try:
                dialect.read(json.dumps(body).encode(), {}, LIMITS)
            except (InvalidRequest, InvalidBudget, InvalidTests) as error:
                told = translate(error).message
                assert not NOT_OURS.search(QUOTED.sub("", told)), told
                assert len(told) < 500


@pytest.mark.parametrize(
    ("dialect", "body", "expected"),
    [
        (TEXT, [1, 2], "the body: expected an object, not a list"),
        (CHATS, "x", 'the body: expected an object, not "x"'),
        (INFILL, None, "the body: expected an object, not null"),
        (TEXT, {}, "prompt is missing: send the text to go on from"),
        (INFILL, {"input_prefix": ""}, "input_suffix is missing: send the text behind the cursor"),
        (CHATS, {"messages": [{}]}, 'messages[0].role is missing: send who says it, such as "user'),
        (INFILL, F | {"input_extra": [{}]}, "input_extra[0].text is missing: send the text of"),
        (CHATS, {"messages": [5]}, "messages[0]: expected an object, not 5"),
        (CHATS, {"messages": []}, "messages has 0 entries; send at least 1"),
        (CHATS, M | {"tools": [[]]}, "tools[0]: expected an object, not an empty list"),
        (CHATS, M | {"tools": {}}, "tools: expected a list, not an object"),
        (INFILL, F | {"input_extra": 5}, "input_extra: expected a list, not 5"),
        (INFILL, F | {"input_extra": [None]}, "input_extra[0]: expected an object, not null"),
        (INFILL, F | {"response_fields": [1]}, "response_fields[0]: expected a text, not 1"),
        (TEXT, P | {"stream_options": True}, "stream_options: expected an object, not true"),
        (TEXT, P | {"stream": "yes"}, 'stream: expected true or false, not "yes"'),
        (TEXT, P | {"model": 5}, "model: expected a text, not 5"),
        (TEXT, P | {"model": "x" * 300}, "model has 300 characters; there may be at most 256"),
        (TEXT, P | {"temperature": "0"}, 'temperature: expected a number, not "0"'),
        (TEXT, P | {"temperature": 2.5}, "temperature: expected a number of at most 2, not 2.5"),
        (TEXT, P | {"temperature": -1}, "temperature: expected a number of at least 0, not -1"),
        (TEXT, P | {"temperature": []}, "temperature: expected a number, not an empty list"),
        (TEXT, P | {"temperature": 2**1100}, "temperature: expected a number that is not as large"),
        (TEXT, P | {"n": 1.5}, "n: expected a whole number, not 1.5"),
        (TEXT, P | {"n": [1]}, "n: expected a whole number, not a list"),
        (TEXT, P | {"n": 1e19}, "n: expected a whole number of at most 64 bits, not 1e+19"),
        (TEXT, P | {"stop": [1]}, "stop: expected a text or a list of texts"),
        (TEXT, P | {"prompt": 5}, "prompt: expected a text, a list of texts, token numbers, or a "),
        (FIM, P | {"seed": 10**70}, "seed: expected a number below 9223372036854775808, not a num"),
        (
            TEXT,
            P | {"seed": 9223372036854775900},
            "seed: expected a number below 9223372036854775808, not 9223372036854775900",
        ),
        (TEXT, P | {"select": "x" * 41 and 5}, "select: expected a text, not 5"),
        (TEXT, P | {"stream": "x" * 41}, "stream: expected true or false, not a long text"),
        (TEXT, P | {"budget": {"flops": True}}, "budget flops is true; expected a number such as"),
        (TEXT, P | {"budget": {"policy": []}}, "budget policy is an empty list; expected the name"),
        (TEXT, P | {"budget": {"flop": 1}}, "budget has no flop; it has flops, latency_ms, policy"),
        (CHATS, M | {"response_format": "json"}, "response_format: expected an object with "),
        (TEXT, P | {"response_format": {}}, "response_format: expected an object with a type"),
        (CHATS, M | {"modalities": ["text", "audio"]}, 'modalities: expected ["text"], all '),
        (CHATS, M | {"modalities": []}, 'modalities: expected ["text"], all that this gateway an'),
        (CHATS, M | {"tool_choice": "required"}, "tool_choice forces a call, and there are no too"),
        (CHATS, M | {"tool_choice": {"type": "function"}, "tools": []}, "tool_choice forces a cal"),
        (TEXT, P | {"flops": "2T"}, 'flops belongs into budget: send "budget": {"flops": ...}'),
        (CHATS, M | {"latency_ms": 5}, "latency_ms belongs into budget"),
        (TEXT, P | {"FLOPs": "2T"}, 'FLOPs belongs into budget: send "budget": {"flops": ...}'),
        (CHATS, M | {"Latency_MS": 5}, "Latency_MS belongs into budget"),
        (INFILL, F | {"policy": "single"}, "policy belongs into budget"),
        (TEXT, P | {"X-Budget-FLOPs": "2T"}, "X-Budget-FLOPs is no field: send it as a header"),
        (TEXT, P | {"x_budget_flops": "2T"}, "x_budget_flops is no field: send it as a header"),
        (TEXT, P | {"Budget": {"flops": 1}}, "Budget is not known: write budget"),
        (CHATS, M | {"TESTS": {}}, "TESTS is not known: write tests"),
        (TEXT, P | {"options": [1]}, "options must be an object, not a list"),
        (TEXT, P | {"tests": [1]}, "tests must be an object, not a list"),
    ],
)
def test_what_was_expected_and_what_is_there(dialect: Dialect, body: object, expected: str) -> None:
    assert message(dialect, body).startswith(expected)


@pytest.mark.parametrize(
    ("dialect", "body"),
    [
        (TEXT, P | {"stop": [1]}),
        (TEXT, P | {"response_format": {}}),
        (CHATS, M | {"modalities": ["text", "audio"]}),
        (TEXT, {"prompt": ["x", 1]}),
    ],
)
def test_nothing_is_said_not_to_be_what_was_expected(dialect: Dialect, body: object) -> None:
    told = message(dialect, body)
    assert ": expected " in told
    assert ", not " not in told


def test_what_says_nothing_of_its_own_is_taken() -> None:
    for fields in (
        {"response_format": None, "modalities": None, "tool_choice": None},
        {"modalities": ["text"], "tool_choice": "auto", "tools": []},
        {"response_format": {"type": "of some server"}, "tool_choice": "none"},
    ):
        (request,) = CHATS.read(json.dumps(M | fields).encode(), {}, LIMITS)
        told = {name: value for name, value in fields.items() if value and name != "tools"}
        passed_on = request.sampling.passed_on
        assert {name: value for name, value in passed_on.items() if value is not None} == told


RAISED = {
    "model": {"model_type"},
    "model-fields": {"missing"},
    "list": {"list_type", "too_short", "too_long"},
    "tuple": {"tuple_type"},
    "dict": {"dict_type"},
    "str": {"string_type", "string_too_long"},
    "int": {"int_type", "int_from_float", "int_parsing_size"},
    "float": {"float_type", "finite_number"},
    "bool": {"bool_type"},
    "function-before": {"value_error"},
    "function-after": {"finite_number", "value_error"},
}
"""What schemas of a kind refuse JSON with; bounds apart: they are arguments of their checks."""

BOUNDS = {"gt": "greater_than", "ge": "greater_than_equal"} | {
    "lt": "less_than",
    "le": "less_than_equal",
}
SILENT = {"default", "nullable", "any", "model-field", "union", "definitions", "definition-ref"}
"""Kinds that refuse nothing of themselves; a union of ours stands behind a check of its own."""


ASIDE = {"metadata", "serialization", "cls", "config", "function", "json_schema_input_schema"}
"""Parts of a schema that check nothing."""


def parts(schema: Any) -> Iterator[dict[str, Any]]:
    """A schema and all that is in it."""
    if isinstance(schema, dict):
        if isinstance(schema.get("type"), str):
            yield schema
        for key, inner in schema.items():
            if key not in ASIDE:
                yield from parts(inner)
    elif isinstance(schema, list | tuple):
        for inner in schema:
            yield from parts(inner)


@pytest.mark.parametrize("body", BODIES)
def test_all_that_a_body_can_be_refused_for_has_words(body: type[BaseModel]) -> None:
    """A new kind of field comes with words of its own, or this says which are lacking."""
    worded = {"missing", "finite_number", "value_error"}
    worded |= {*complaints._EXPECTED, *complaints._BOUNDS, *complaints._SIZES}
    for part in parts(body.__pydantic_core_schema__):
        kind = part["type"]
        assert kind in RAISED or kind in SILENT, kind
        check = part.get("function", {}).get("function")
        bounds = {**part, **getattr(check, "keywords", {})}
        raised = RAISED.get(kind, set()) | {BOUNDS[key] for key in bounds if key in BOUNDS}
        assert raised <= worded, raised - worded


@pytest.mark.parametrize("kind", [*BODIES, Message, ExtraFile])
def test_what_must_be_there_is_told_how_to_be_sent(kind: type[BaseModel]) -> None:
    needed = {name for name, field in kind.model_fields.items() if field.is_required()}
    assert needed <= complaints._NEEDED.keys()


def test_what_nobody_has_words_for_is_told_without_the_validators() -> None:
    unknown: Any = {"type": "url_type", "loc": ("a", 0, "b"), "msg": "URL input", "input": 5}
    error = complaints.complaint(unknown)
    assert error.message == "a[0].b: 5 is not what may stand here"
    assert error.param == "a.0.b"


HUGE = ("1e400", "-1e400", "[1e400]", '{"a": [1e999]}')


@pytest.mark.parametrize("number", HUGE)
@pytest.mark.parametrize(
    ("field", "code"),
    [
        ("budget", "invalid_budget"),
        ("tests", "invalid_tests"),
        ("temperature", "invalid_request"),
        ("other", "invalid_request"),
    ],
)
def test_a_number_too_large_is_the_fault_of_its_field(number: str, field: str, code: str) -> None:
    for name in ("flops", "latency_ms", "target", "policy", "x"):
        inner = f'{{"{name}": {number}}}'
        for value in (inner, number):
            error = refusal(TEXT, f'{{"prompt": "x", "{field}": {value}}}'.encode())
            assert error.code == code
            assert "JSON" not in error.message
            assert code != "invalid_request" or error.param == field


@pytest.mark.parametrize("name", ["flops", "latency_ms"])
def test_a_budget_too_large_is_no_budget(name: str) -> None:
    told = refusal(TEXT, f'{{"prompt": "x", "budget": {{"{name}": 1e400}}}}'.encode())
    assert told.message == f"budget {name} must be positive and finite, not a number so large"


@pytest.mark.parametrize(
    ("body", "name"),
    [(ChatBody, "messages"), (ChatBody, "tools"), (InfillBody, "input_extra")],
)
def test_of_a_long_list_the_first_fault_is_told_and_the_others_are_not_looked_for(
    body: type[BaseModel], name: str
) -> None:
    with pytest.raises(ValidationError) as told:
        body.model_validate(M | F | {name: [0] * 1000})
    assert len([error for error in told.value.errors() if error["loc"][0] == name]) == 1
