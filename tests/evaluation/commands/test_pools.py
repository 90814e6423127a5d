"""What `evaluate pools` shows fits a line of 80 characters, and nothing of it is cut."""

import pytest

MODELS = ("qwen2.5-coder-0.5b", "qwen2.5-coder-1.5b")


@pytest.fixture
def shown(cli, tmp_path):
    path = tmp_path / "a-folder-with-a-name-that-is-long" / "mbpp-sanitized.csv"
    path.parent.mkdir()
    rows = [f"Mbpp/{at},{model},2000,{at}" for model in MODELS for at in range(250)]
    path.write_text("\n".join(["problem,model,n,c", *rows]) + "\n")
    result = cli("evaluate", "pools", path)
    assert result.exit_code == 0
    return path, result.stdout.splitlines()


def test_a_pool_goes_by_a_number_and_its_path_stays_whole(shown):
    path, lines = shown
    assert lines[:2] == [f"1: {path}", f"2: {path}"]


@pytest.mark.parametrize("number", [1, 2])
def test_a_pool_s_figures_stand_on_one_line(shown, number):
    _, lines = shown
    (row,) = (line for line in lines if line.split()[:1] == [str(number)])
    assert row.split() == [
        *(str(number), "mbpp-sanitized", MODELS[number - 1], "250/250", "2000"),
        *("500000/500000", "6.2", "%"),
    ]
    assert len(row) <= 80


def test_a_model_s_name_is_never_cut(cli, monkeypatch):
    monkeypatch.setenv("COLUMNS", "50")
    listed = "".join(cli("models", "list").stdout.split())
    assert "…" not in listed
