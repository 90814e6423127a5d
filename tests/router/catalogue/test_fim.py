"""Each family is asked in its own form, told by its own tokens, and never asked twice."""

from __future__ import annotations

import pytest

from router.catalogue.fim import FAMILIES, FimTemplate, template_of

FORMS = {
    "qwen": "<|fim_prefix|>P<|fim_suffix|>S<|fim_middle|>",
    "codegemma": "<|fim_prefix|>P<|fim_suffix|>S<|fim_middle|>",
    "starcoder": "<fim_prefix>P<fim_suffix>S<fim_middle>",
    "starcoder2": "<fim_prefix>P<fim_suffix>S<fim_middle>",
    "deepseek": "<｜fim▁begin｜>P<｜fim▁hole｜>S<｜fim▁end｜>",  # noqa: RUF001
    "codellama": "<PRE> P <SUF>S <MID>",
    "codestral": "[SUFFIX]S[PREFIX]P",
}
FILES = (("a.py", "x = 1"), ("b.py", "y = 2\n"))


def test_every_family_has_its_form():
    assert {name: family.render("P", "S") for name, family in FAMILIES.items()} == FORMS


@pytest.mark.parametrize("family", FAMILIES)
def test_an_empty_suffix_is_a_suffix(family):
    template = FAMILIES[family]
    assert template.render("pre", "") == template.render("pre", "after").replace("after", "")
    assert template.written(template.render("", ""))


def test_other_files_stand_where_the_family_has_them():
    rendered = {name: family.render("P", "S", FILES) for name, family in FAMILIES.items()}
    assert rendered == FORMS | {
        "qwen": "<|repo_name|>myproject\n<|file_sep|>a.py\nx = 1\n<|file_sep|>b.py\ny = 2\n"
        "<|file_sep|>filename\n" + FORMS["qwen"],
        "starcoder2": "<repo_name>myproject<file_sep>a.py\nx = 1\n<file_sep>b.py\ny = 2\n<file_sep>"
        + FORMS["starcoder2"],
        "deepseek": FORMS["deepseek"].replace("P", "#a.py\nx = 1\n#b.py\ny = 2\nP"),
        "codestral": "[SUFFIX]S[PREFIX]+++++ a.py\nx = 1\n\n+++++ b.py\ny = 2\n\n+++++ filename\nP",
    }


@pytest.mark.parametrize("family", FAMILIES)
def test_what_a_client_has_written_is_known_and_what_only_names_the_tokens_is_not(family):
    template = FAMILIES[family]
    assert template.written(FORMS[family])
    assert template.written(template.render("def f():\n", "\nf()", FILES))
    assert not template.written("def f():\n    ")
    for mark in template.marks:
        assert not template.written(f"{mark}\n")
        assert not template.written(f"MARK = '{mark}'\n")
    assert not template.written(f"MARKS = {template.marks}\nprint(MARKS)")


def test_code_with_the_places_of_a_template_in_it_is_no_template():
    family = FAMILIES["qwen"]
    text = "f'{suffix} {prefix} {context} {path}'"
    files = ((text, text),)
    rendered = family.render(text, text, files)
    assert rendered.count(text) == 4
    assert rendered.endswith(f"<|fim_prefix|>{text}<|fim_suffix|>{text}<|fim_middle|>")


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_is_told_by_its_tokens_and_stops_at_those_that_are_there(family):
    template = FAMILIES[family]
    telling = [token for token in template.stop if token.startswith(("<file_", "<repo_", "<|repo"))]
    tokens = {*template.marks, *telling, "<|file_sep|>"}
    if family == "codegemma":
        tokens.discard("<|file_sep|>")
    found = template_of(tokens, {})
    assert found is not None
    assert found.form == template.form
    assert set(found.stop) == set(template.stop) & tokens
    assert set(found.stop) >= {mark for mark in template.marks if mark in template.stop}


def test_tokens_of_sentencepiece_begin_with_its_space():
    found = template_of({"▁<PRE>", "▁<SUF>", "▁<MID>", "▁<EOT>"}, {})
    assert found == FAMILIES["codellama"]


@pytest.mark.parametrize(
    "tokens", [set(), {"<file_sep>", "<repo_name>"}, {"<fim_prefix>", "<fim_suffix>"}]
)
def test_a_vocabulary_without_all_marks_is_of_no_family(tokens):
    assert template_of(tokens, {}) is None


def test_keys_decide_where_a_vocabulary_has_the_tokens_of_two_families():
    tokens = {"<fim_prefix>", "<fim_suffix>", "<fim_middle>", "[PREFIX]", "[SUFFIX]", "[MIDDLE]"}
    named = {"prefix": "[PREFIX]", "suffix": "[SUFFIX]", "middle": "[MIDDLE]"}
    found = template_of(tokens, named)
    assert found is not None
    assert found.form == FAMILIES["codestral"].form


def test_keys_alone_make_a_template():
    named = {"prefix": "<P>", "suffix": "<S>", "middle": "<M>", "end": "<E>"}
    found = template_of(set(), named)
    assert found is not None
    assert found.render("a", "b", FILES) == "<P>a<S>b<M>"
    assert found.stop == ("<P>", "<S>", "<M>", "<E>")
    with_files = template_of(set(), named | {"file": "<F>"})
    assert with_files is not None
    assert with_files.render("a", "b", FILES[:1]) == "<F>a.py\nx = 1\n<F>filename\n<P>a<S>b<M>"
    assert template_of(set(), {"prefix": "<P>", "suffix": "<S>"}) is None


@pytest.mark.parametrize(
    "given",
    [
        {"form": "{prefix}"},
        {"form": "{prefix}{suffix}{suffix}"},
        {"form": "{prefix}{suffix}", "file": "{path}{text}"},
        {"form": "{context}{prefix}{suffix}", "file": "{path}"},
    ],
)
def test_a_template_without_its_places_is_refused(given):
    with pytest.raises(ValueError, match=r"need|has"):
        FimTemplate(**given)
