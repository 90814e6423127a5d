"""What `evaluate flops` prints: the paper's Table 1, from sizes alone."""

import json

import platformdirs
import pytest

from evaluation.architectures import ARCHITECTURES
from router.catalogue.entries import CATALOGUE, lookup
from router.upstream.sizes.architecture import from_gguf

PRINTED = {
    "codellama-7b": 1.69,
    "codellama-13b": 3.29,
    "codellama-34b": 8.58,
    "codellama-70b": 17.60,
}


@pytest.mark.parametrize("model", PRINTED)
def test_code_llama_costs_what_the_paper_printed(cli, model):
    result = cli("evaluate", "flops", "--model", model, "--seq-len", 128, "--json")
    assert result.exit_code == 0, result.output
    printed = json.loads(result.stdout)
    assert set(printed) == {"model", "tflops"}
    assert printed["model"] == model
    assert printed["tflops"] == pytest.approx(PRINTED[model], rel=1.5e-3)


def test_the_paper_basis_at_128_is_the_default_and_doubles_with_the_length(cli):
    plain = json.loads(cli("evaluate", "flops", "--model", "codellama-7b", "--json").stdout)
    twice = json.loads(
        cli("evaluate", "flops", "--model", "codellama-7b", "--seq-len", 256, "--json").stdout
    )
    assert twice["tflops"] == pytest.approx(2 * plain["tflops"])
    assert plain["tflops"] == pytest.approx(1.69, rel=1.5e-3)


def test_the_exact_basis_adds_attention_and_saves_the_head_over_the_prompt(cli):
    def tflops(*options):
        command = ["evaluate", "flops", "--model", "codellama-7b", "--json", *options]
        return json.loads(cli(*command).stdout)["tflops"]

    sizes = ARCHITECTURES["codellama-7b"]
    attention = 4 * 32 * 4096 * (128 * 129 // 2) / 1e12
    assert tflops("--basis", "exact") == pytest.approx(tflops() + attention)
    head = 2 * sizes.head_params * 99 / 1e12  # of 100 prompt tokens only the last needs the head
    assert tflops("--basis", "exact", "--prompt-tokens", 100) == pytest.approx(
        tflops() + attention - head
    )


def test_the_plain_answer_says_on_which_basis(cli):
    result = cli("evaluate", "flops", "--model", "smollm2-135m")
    assert result.stdout == "smollm2-135m: 0.0344 TFLOPs for 128 tokens (paper basis)\n"


def test_every_model_of_the_catalogue_has_its_sizes():
    assert set(CATALOGUE) <= set(ARCHITECTURES)


@pytest.mark.real_model
@pytest.mark.parametrize("model", CATALOGUE)
def test_the_sizes_are_those_of_the_model_file(model):
    path = platformdirs.user_cache_path("budget-router") / "models" / lookup(model).file
    if not path.exists():
        pytest.skip(f"{path.name} is not here: budget-router models pull {model}")
    assert from_gguf(path) == ARCHITECTURES[model]


def test_an_unknown_model_is_named_with_those_that_are_known(cli):
    result = cli("evaluate", "flops", "--model", "gpt-9", "--json")
    assert result.exit_code == 1
    assert "gpt-9" in result.stderr
    assert "codellama-34b" in result.stderr
    assert result.stdout == ""


def test_a_prompt_must_leave_something_to_generate(cli):
    result = cli("evaluate", "flops", "--model", "codellama-7b", "--prompt-tokens", 128)
    assert result.exit_code == 2


@pytest.mark.filterwarnings("default")  # those of other people's packages are no failure of ours
@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_calflops_counts_the_same_linear_layers(attention):
    """The paper's own tool, on a model without weights; needs torch, transformers and calflops.

    It does not look into fused attention (`sdpa`), so it counts what the paper's basis does; with
    `eager` it adds the two products of every layer over all 128 x 128 pairs.
    """
    torch = pytest.importorskip("torch", reason="torch is not installed: make torch")
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    calflops = pytest.importorskip("calflops", reason="calflops is not installed")
    config = transformers.LlamaConfig(
        hidden_size=4096,
        intermediate_size=11_008,
        num_hidden_layers=32,
        num_attention_heads=32,
        num_key_value_heads=32,
        vocab_size=32_016,
        attn_implementation=attention,
    )
    with torch.device("meta"):
        model = transformers.LlamaForCausalLM(config)
        tokens = torch.ones((1, 128), dtype=torch.long)
    flops, _, _ = calflops.calculate_flops(
        model=model,
        args=[tokens],
        print_results=False,
        print_detailed=False,
        output_as_string=False,
    )
    extra = 4 * 32 * 4096 * 128 * 128 if attention == "eager" else 0
    # Norms and activations are the rest: three hundredths of a per mille.
    assert flops == pytest.approx(ARCHITECTURES["codellama-7b"].paper() + extra, rel=5e-5)


@pytest.mark.parametrize(
    ("model", "billions", "tied"),
    [
        ("llama3-8b", 8.03, False),
        ("llama3-70b", 70.6, False),
        ("qwen2.5-coder-0.5b", 0.494, True),
        ("qwen2.5-coder-1.5b", 1.54, True),
        ("qwen2.5-coder-3b", 3.09, True),
        ("qwen2.5-coder-7b", 7.62, False),
        ("qwen2.5-coder-14b", 14.8, False),
        ("qwen2.5-coder-32b", 32.8, False),
        ("deepseek-coder-1.3b", 1.35, False),
        ("deepseek-coder-6.7b", 6.74, False),
        ("deepseek-coder-33b", 33.3, False),
        ("starcoder2-3b", 3.03, True),
        ("starcoder2-7b", 7.17, True),
        ("starcoder2-15b", 15.96, False),
        ("codestral-22b", 22.2, False),
    ],
)
def test_sizes_add_up_to_the_parameters_that_were_published(model, billions, tied):
    sizes = ARCHITECTURES[model]
    weights = sizes.body_params + sizes.head_params * (1 if tied else 2)  # and the embedding
    assert weights / 1e9 == pytest.approx(billions, rel=0.005)
