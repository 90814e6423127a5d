"""`/openapi.json` says what the parsers take, and pages may call what it describes."""

import json
import re
from contextlib import nullcontext
from typing import Any

import httpx
import pytest
from http_world import world

from policies.values import InvalidBudget
from router.http.app import DIALECTS, create_app
from router.http.dialects.budgets import _HEADERS, parse_flops, parse_latency, parse_target
from router.http.dialects.described import BudgetObject
from router.http.dialects.options import OPTIONS
from sandbox import InvalidTests, parse_tests

pytestmark = pytest.mark.anyio

LEAST = {
    "asserts": {"code": "assert f(1)", "entry_point": "f"},
    "calls": {"entry_point": "f", "cases": [{"expected": 1}]},
    "io": {"cases": [{"stdout": "x"}]},
    "pytest": {"code": "def test(): pass"},
}


def document() -> dict[str, Any]:
    return create_app(lambda: nullcontext(None)).openapi()  # type: ignore[arg-type, return-value]


def kinds() -> dict[str, dict[str, Any]]:
    """The schemas of tests, by their kind."""
    schemas = document()["components"]["schemas"]
    names = [each["$ref"].rsplit("/", 1)[1] for each in schemas["Tests"]["oneOf"]]
    return {schemas[name]["properties"]["kind"]["const"]: schemas[name] for name in names}


async def test_every_endpoint_has_its_body() -> None:
    told = document()
    assert set(DIALECTS) <= set(told["paths"])
    for path, dialect in DIALECTS.items():
        body = told["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]
        assert body["$ref"].endswith(f"/{dialect.body.__name__}")
    text = json.dumps(told)
    for name in told["components"]["schemas"]:
        assert f'"{name}": ' in text
    assert '"ge"' not in text


async def test_tests_are_described_as_they_are_parsed() -> None:
    assert set(kinds()) == set(LEAST)
    for kind, least in LEAST.items():
        schema = kinds()[kind]
        assert set(schema["required"]) == {"kind", *least}
        parse_tests({"kind": kind, **least})
        for name in least:
            with pytest.raises(InvalidTests):
                parse_tests({"kind": kind} | {k: v for k, v in least.items() if k != name})
        with pytest.raises(InvalidTests, match="known are") as refused:
            parse_tests({"kind": kind, **least, "nothing": 1})
        known = str(refused.value).partition("known are ")[2].split(", ")
        assert set(known) == set(schema["properties"])


@pytest.mark.parametrize(("kind", "case"), [("calls", "Call"), ("io", "IOCase")])
async def test_cases_are_described_as_they_are_parsed(kind: str, case: str) -> None:
    schema = document()["components"]["schemas"][case]
    least: dict[str, Any] = LEAST[kind]
    assert set(schema["required"]) == set(least["cases"][0])
    with pytest.raises(InvalidTests) as refused:
        parse_tests({"kind": kind, **least, "cases": [least["cases"][0] | {"nothing": 1}]})
    assert all(f"'{name}'" in str(refused.value) for name in schema["properties"])


async def test_budgets_are_described_as_they_are_parsed() -> None:
    assert set(BudgetObject.model_fields) == _HEADERS.keys()


async def test_what_headers_may_hold_is_described_as_it_is_parsed() -> None:
    (path, *_) = DIALECTS
    shapes = {
        each["name"]: re.compile(each["schema"]["pattern"])
        for each in document()["paths"][path]["post"]["parameters"]
        if "pattern" in each["schema"]
    }
    for name, parse in (("X-Budget-FLOPs", parse_flops), ("X-Budget-Latency-Ms", parse_latency)):
        for good in ("1", "0.5", ".5", "007", "2.5", "1."):
            assert parse(good) > 0
            assert shapes[name].search(good)
        for bad in ("", "0", "0.0", "-1", "x", "1Q", "."):
            with pytest.raises(InvalidBudget):
                parse(bad)
            assert not shapes[name].search(bad)
    for good in ("0.5", ".5", "0.999", "00.05"):
        assert 0 < parse_target(good) < 1
        assert shapes["X-Budget-Target"].search(good)
    for bad in ("", "0", "0.0", "1", "1.5", "80%", "."):
        with pytest.raises(InvalidBudget):
            parse_target(bad)
        assert not shapes["X-Budget-Target"].search(bad)
    assert shapes["X-Budget-FLOPs"].search("17.6T")
    assert not shapes["X-Budget-Latency-Ms"].search("17.6T")


@pytest.mark.parametrize("path", [path for path in DIALECTS if path != "/v1/chat/completions"])
async def test_what_stands_for_nothing_is_described(path: str) -> None:
    told = document()["components"]["schemas"][DIALECTS[path].body.__name__]["properties"]
    for name in ("max_tokens", "n_predict"):
        assert {"const": -1, "type": "integer"} in told[name]["anyOf"]
    for name in ("model", "stop"):
        assert {"type": "null"} in told[name]["anyOf"]
    assert set(told["options"]["properties"]) == set(OPTIONS)


async def test_what_form_an_answer_may_have_is_described() -> None:
    known = document()["components"]["schemas"]
    assert known["ResponseFormat"]["required"] == ["type"]
    for body in ("ChatBody", "CompletionBody"):
        form = known[body]["properties"]["response_format"]["anyOf"]
        assert {"$ref": "#/components/schemas/ResponseFormat"} in form
    modalities = known["ChatBody"]["properties"]["modalities"]["anyOf"][0]
    assert (modalities["items"]["const"], modalities["maxItems"]) == ("text", 1)


async def test_every_answer_is_described() -> None:
    told = document()["paths"]["/infill"]["post"]["responses"]["200"]["content"]
    assert told["application/json"]["schema"]["type"] == ["object", "array"]
    for path in document()["paths"].values():
        for entry in path.values():
            assert "default" in entry["responses"]
            assert "422" not in entry["responses"]
    assert "text/plain" in document()["paths"]["/metrics"]["get"]["responses"]["200"]["content"]


async def test_the_pages_are_served() -> None:
    async with world() as w:
        assert (await w.client.get("/openapi.json")).json()["info"]["title"] == "budget-router"
        assert "openapi.json" in (await w.client.get("/docs")).text


async def test_pages_of_the_named_origins_may_call_it() -> None:
    asked = {"Origin": "http://page", "Access-Control-Request-Method": "POST"}
    for origins, allowed in (((), None), (("http://page",), "http://page"), (("http://a",), None)):
        app = create_app(lambda: nullcontext(None), allow_origins=origins)  # type: ignore[arg-type]
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://x"
        ) as client:
            answer = await client.options("/v1/completions", headers=asked)
            assert answer.headers.get("access-control-allow-origin") == allowed
