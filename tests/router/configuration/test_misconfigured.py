"""Errors of the configuration: where, what is wrong and what would do, in nobody's jargon."""

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from router.configuration.misconfigured import complaint
from router.settings import Settings

ENGINE = '[models.m]\nengine = "url"\nurl = "http://x"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("prot = 1", r"^prot: is no setting: did you mean port\? there are host, port, models"),
        ("[sandbox]\nworker = 2", r"sandbox.worker: is no setting: did you mean workers\?"),
        ("[sandbox.caps]\nwalls = 2", r"sandbox.caps.walls: is no setting: .* there are wall_s, "),
        (ENGINE + 'key = "y"', r"^models.m.key: is no setting: .*there are engine, url, name"),
        ('[models.m]\nengine = "x"', r'models.m: must be one of "embedded", "url"'),
        ("[models.m]\nslots = 2", r'models.m: "engine" is missing'),
        ('[models.m]\nengine = "url"', r"^models.m.url: is missing$"),
        ('[models.m]\nengine = "url"\nurl = "x"', r"models.m.url: must be a URL such as http://"),
        (
            '[models.m]\nengine = "url"\nurl = ["http://a", "x"]',
            r"^models.m.url.1: must be a URL such as http://.*, not 'x'$",
        ),
        ('[models.m]\nengine = "url"\nurl = []', r"^models.m.url: needs at least 1$"),
        (
            '[models.m]\nengine = "url"\nurl = ["http://a", "http://a/v1"]',
            r"^models.m: url names a server twice$",
        ),
        (ENGINE + "priority = true", r"^models.m: only vLLM knows priorities: .*vllm"),
        (ENGINE + "slots = 0", r"^models.m.slots: must be above 0, not 0$"),
        (ENGINE + "queue = 4097", r"^models.m.queue: must be at most 4096, not 4097$"),
        (ENGINE + "queue = 0", r"^models.m.queue: must be above 0, not 0$"),
        (ENGINE + "breaker = {fail = 2}", r"breaker.fail: is no setting: did you mean failures\?"),
        ('[policies.p]\nkind = "single"\nn = 2', r"^policies.p.n: is no setting: .* kind, model$"),
        ("[max_budget]\nflops = 0", r"max_budget.flops: must be above 0.0, not 0$"),
        ('[max_budget]\nflops = "x"', r"max_budget.flops: must be a number, not 'x'$"),
        ("[max_budget]\nflops = inf", r"^max_budget.flops: must be finite, not inf$"),
        ("[default_budget]\nlatency_ms = nan", r"^default_budget.latency_ms: must be finite"),
        ("[aliases.a]\nbudget = {flops = inf}", r"^aliases.a.budget.flops: must be finite"),
        ("[sandbox.caps]\ntotal_s = inf", r"^sandbox.caps.total_s: must be finite, not inf$"),
        ("[sandbox.caps]\ncpu_s = 1e300", r"sandbox.caps.cpu_s: must be at most 31536000.0, not "),
        (
            "[sandbox.caps]\noutput_bytes = 16777216",
            r"^sandbox.caps.output_bytes: must be at most 8388608, not 16777216$",
        ),
        ("[sandbox.caps]\nprocesses = 5000000", r"sandbox.caps.processes: must be at most 1048576"),
        (
            f"[sandbox.caps]\nmemory_bytes = {2**62}",
            rf"^sandbox.caps.memory_bytes: must be at most {2**50}, not {2**62}$",
        ),
        (ENGINE + "flops_per_token = inf", r"^models.m.flops_per_token: must be finite"),
        (
            ENGINE + "pace = {prompt_tokens_per_second = 1e200}",
            r"^models.m.pace.prompt_tokens_per_second: must be at most 1000000000.0, not 1e\+200$",
        ),
        (ENGINE + "breaker = {pause_s = inf}", r"^models.m.breaker.pause_s: must be finite"),
        ("connect_timeout_s = inf", r"^connect_timeout_s: must be finite, not inf$"),
        (f"workers = {10**30}", r"^workers: must be at most 1024, not 1000"),
        ("port = 1.5", r"^port: must be a whole number, not 1.5$"),
        ("port = 70000", r"^port: must be at most 65535, not 70000$"),
        ("models = 5", r"^models: must be a table, not 5$"),
        ("[models]", r"^models: needs at least 1$"),
        ('[sandbox]\nbackend = "x"', r'sandbox.backend: must be "process" or "docker", not \'x\''),
        ("[sandbox]\nenabled = 7", r"^sandbox.enabled: must be true or false, not 7$"),
        ('[aliases."a b"]', r"printable ASCII without spaces"),
        (
            '[select]\nranker = "x"',
            r"^select.ranker is 'x', and there is no such model: there are ",
        ),
        (
            '[select]\nranker = "qwen2.5-coder-0.5b"',
            r"^select.ranker is 'qwen2.5-coder-0.5b', whose server \(llama.cpp\) tells no .*vllm",
        ),
        (
            ENGINE + '[select]\nranker = "m"',
            r"^select.ranker is 'm', whose server \(openai\) .*vllm",
        ),
        ('[select]\nrankers = "m"', r"^select.rankers: is no setting: did you mean ranker\?"),
        ('[aliases.a]\nmodel = "x"', r"^alias 'a' stands for 'x', and there is no such model"),
    ],
)
def test_what_is_wrong_is_said_in_the_words_of_the_file(
    text: str, said: str, tmp_path: Path
) -> None:
    path = tmp_path / "router.toml"
    path.write_text(text)
    with pytest.raises(ValidationError) as error:
        Settings.load(path)
    told = complaint(error.value)
    assert re.search(said, told), told
    assert not re.search(r"Input|valid|extra|pydantic|tag", told), told


def test_all_that_is_wrong_is_told(tmp_path: Path) -> None:
    path = tmp_path / "router.toml"
    path.write_text("prot = 1\nport = 'x'\n")
    with pytest.raises(ValidationError) as error:
        Settings.load(path)
    assert complaint(error.value).count("; ") == 1
