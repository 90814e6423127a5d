"""What is left out of a request for a server that refuses it, and whose fault a refusal is."""

from typing import Any

import pytest

from router.request import ChatPrompt, Prompt, SampleRequest, TextPrompt
from router.upstream.asking import CHATS, COMPLETIONS, PLAIN, Asking, Habit
from router.upstream.said.refusals import read_refusal

TEXT = TextPrompt("p")
CHAT = ChatPrompt(({"role": "user", "content": "hi"},))


def asking(prompt: Prompt = TEXT, *, asked: tuple[str, ...] = (), **passed_on: Any) -> Asking:
    body = {
        **passed_on,
        "model": "m",
        "n": 1,
        "max_tokens": 8,
        "temperature": 0.0,
        "stream": True,
        "stream_options": {"include_usage": True},
        "logprobs": 1,
    }
    chat = isinstance(prompt, ChatPrompt)
    body |= {"messages": [], "top_logprobs": 1} if chat else {"prompt": "p"}
    request = SampleRequest(prompt, passed_on, None, frozenset({*asked, *passed_on, "model"}))
    return Asking(CHATS if chat else COMPLETIONS, body, request)


def refused(message: str, status: int = 400) -> Any:
    return read_refusal(status, {"error": {"message": message}})


def left_out(request: Asking, habit: Habit | None) -> set[str]:
    assert habit is not None
    return set(request.body) - set(request.fitted(habit))


@pytest.mark.parametrize("name", ["logprobs", "stream_options"])
@pytest.mark.parametrize("prompt", [TEXT, CHAT], ids=["text", "chat"])
def test_a_field_of_ours_that_is_refused_is_left_out(prompt: Prompt, name: str) -> None:
    request = asking(prompt)
    habit = request.learned(PLAIN, refused(f"'{name}' is not supported"))
    gone = left_out(request, habit)
    needing = {"top_logprobs"} if name == "logprobs" and prompt is CHAT else set()
    assert gone == {name} | needing


def test_lessons_add_up_and_hold_for_their_endpoint() -> None:
    request = asking()
    first = request.learned(PLAIN, refused("no logprobs here"))
    assert first is not None
    second = request.learned(first, refused("no stream_options here"))
    assert left_out(request, second) == {"logprobs", "stream_options"}
    assert left_out(asking(CHAT), second) == set()


def test_what_is_left_out_already_cannot_be_left_out_again() -> None:
    request = asking()
    habit = request.learned(PLAIN, refused("no logprobs here"))
    assert habit is not None
    assert request.learned(habit, refused("no logprobs here")) is None


@pytest.mark.parametrize(
    "name", ["model", "prompt", "stream", "n", "max_tokens", "temperature", "stop", "seed"]
)
def test_what_makes_the_draw_stays(name: str) -> None:
    request = asking(stop=["x"], seed=5)
    assert request.learned(PLAIN, refused(f"'{name}' is not supported")) is None


def test_what_the_client_asked_for_stays_and_is_its_own_fault() -> None:
    request = asking(asked=("logprobs",))
    refusal = refused("'logprobs' is not supported")
    assert request.learned(PLAIN, refusal) is None
    assert request.failure("m", refusal).rejected
    spared = Habit.configured(logprobs=False, stream_options=True, completion_limit=False)
    assert "logprobs" in request.fitted(spared)
    assert "logprobs" not in asking().fitted(spared)


RENAMED = {
    "OpenAI": "Unsupported parameter: 'max_tokens' is not supported with this model. Use "
    "'max_completion_tokens' instead.",
    "without its other name": "max_tokens is not supported with this model",
    "only its other name": "please set max_completion_tokens",
}


@pytest.mark.parametrize("message", RENAMED.values(), ids=RENAMED)
@pytest.mark.parametrize("asked", [(), ("max_tokens",), ("max_completion_tokens", "max_tokens")])
def test_the_limit_of_a_chat_has_two_names(message: str, asked: tuple[str, ...]) -> None:
    request = asking(CHAT, asked=asked)
    habit = request.learned(PLAIN, refused(message))
    assert habit is not None
    fit = request.fitted(habit)
    assert fit["max_completion_tokens"] == 8
    assert "max_tokens" not in fit
    assert request.learned(habit, refused(message)) is None
    assert asking().fitted(habit)["max_tokens"] == 8


def test_a_limit_that_is_too_high_is_not_called_otherwise() -> None:
    # A server that ignored the other name would generate without a limit.
    message = "max_tokens is too large: 5000. This model supports at most 4096 completion tokens"
    request = asking(CHAT)
    assert request.learned(PLAIN, refused(message)) is None
    assert not request.failure("m", refused(message)).rejected
    assert asking(CHAT, asked=("max_tokens",)).failure("m", refused(message)).rejected


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 503])
def test_only_a_fault_of_the_request_teaches(status: int) -> None:
    assert asking().learned(PLAIN, refused("'logprobs' is not supported", status)) is None


@pytest.mark.parametrize("name", ["model", "stream", "n", "temperature", "stream_options"])
def test_the_client_is_not_blamed_for_what_is_ours(name: str) -> None:
    failure = asking().failure("m", refused(f"'{name}' is wrong"))
    assert not failure.rejected
    assert f"'{name}', which is not of the client's request" in str(failure)


@pytest.mark.parametrize("message", ["it is all wrong", "'stop' must be a list", "`p` is no text"])
def test_else_it_is_the_clients_fault(message: str) -> None:
    assert asking(stop=5).failure("m", refused(message)).rejected


def test_parts_that_a_model_cannot_take_are_the_clients_whatever_the_status() -> None:
    parts = [{"type": "text", "text": "?"}, {"type": "input_audio", "input_audio": {}}]
    request = asking(ChatPrompt(({"role": "user", "content": parts},)))
    assert request.failure("m", refused("Audio input is not supported", 500)).rejected
    assert not request.failure("m", refused("out of memory", 500)).rejected
    assert not asking(CHAT).failure("m", refused("no audio", 500)).rejected


def test_people_can_read_a_habit() -> None:
    habit = Habit.configured(logprobs=False, stream_options=False, completion_limit=True)
    assert habit.shown == "no logprobs, no stream_options, max_completion_tokens for max_tokens"
