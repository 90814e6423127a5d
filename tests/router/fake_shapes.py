"""How the two kinds of server write what the fake one says: as the real ones were seen to write it.

`tests/router/upstream/test_contract.py` asks the fake and the real ones the same questions.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fake_upstream import Call

LOGPROB = -0.25
MOST_LOGPROBS = 20


def pieces(text: str) -> list[str]:
    """The prompt's tokens."""
    return [text[at : at + 4] for at in range(0, len(text), 4)]


def prompt_pieces(prompt: str | list[int]) -> list[str]:
    """The tokens of a prompt, which may come as their numbers."""
    return pieces(prompt) if isinstance(prompt, str) else [f"<{number}>" for number in prompt]


def template(messages: Sequence[dict[str, Any]]) -> str:
    """A chat as a prompt."""
    return "".join(f"<{m['role']}>{m.get('content')}" for m in messages) + "<assistant>"


UNCOUNTED = ("documents", "response_format", "reasoning_effort")
"""Of what a chat is asked with, what vLLM's tokenizer does not take."""


def written(body: Mapping[str, Any]) -> str:
    """A chat as a prompt, by a template that heeds what it is given besides messages."""
    text = template(body["messages"])
    for name in ("tools", *UNCOUNTED):
        if body.get(name):
            text += f"<{name}>{json.dumps(body[name])}"
    kwargs = body.get("chat_template_kwargs") or {}
    return text + ("" if kwargs.get("enable_thinking", True) else "<think>\n\n</think>\n\n")


def event(choices: list[dict[str, Any]]) -> dict[str, Any]:
    """A chunk of a stream."""
    return {"id": "x", "object": "x", "created": 1, "model": "x", "choices": choices}


def usage(call: Call, completion: int) -> dict[str, Any]:
    """What a request has cost."""
    return {
        "prompt_tokens": call.prompt_tokens,
        "completion_tokens": completion,
        "total_tokens": call.prompt_tokens + completion,
        "prompt_tokens_details": {"cached_tokens": call.cached_tokens},
    }


def alternatives(token: str, wanted: int) -> dict[str, float]:
    """The likeliest tokens in a token's place, itself the first."""
    others = {f"{token}{number}": LOGPROB - number for number in range(1, wanted)}
    return {token: LOGPROB} | others


def _entry(token: str, wanted: int) -> dict[str, Any]:
    """A token in the shape of chats."""
    top = [
        {"token": name, "logprob": value, "bytes": list(name.encode())}
        for name, value in alternatives(token, wanted).items()
    ]
    return top[0] | {"top_logprobs": top}


def _has_media(call: Call) -> bool:
    parts = [
        part
        for message in call.body.get("messages", ())
        if isinstance(message.get("content"), list)
        for part in message["content"]
    ]
    return any(part.get("type") != "text" for part in parts)


def _says_nothing(call: Call) -> bool:
    messages = call.body.get("messages", ())
    return any("content" not in each and each["role"] != "assistant" for each in messages)


def _too_long(call: Call, context: int | None) -> bool:
    return context is not None and call.prompt_tokens + call.body["max_tokens"] > context


class LlamaShape:
    """As llama.cpp streams: usage per choice, on the finish chunk or (chat) right after it."""

    ends_with_token = False

    def refusal(self, call: Call, context: int | None) -> tuple[int, dict[str, Any]] | None:
        """Why it does not answer, with which status."""
        if _has_media(call):
            message = "image input is not supported - hint: you may need to provide the mmproj"
            return 500, {"code": 500, "message": message, "type": "server_error"}
        if _says_nothing(call):
            message = "All non-assistant messages must contain 'content'"
            return 400, {"code": 400, "message": message, "type": "invalid_request_error"}
        if _too_long(call, context):
            message = f"request ({call.prompt_tokens} tokens) exceeds the available context size"
            return 400, {"code": 400, "message": message, "type": "exceed_context_size_error"}
        if not isinstance(call.body.get("top_p", 1.0), int | float):
            message = "Field 'top_p': type must be number, but is string"
            return 400, {"code": 400, "message": message, "type": "invalid_request_error"}
        return None

    def reading(self, call: Call) -> Iterator[dict[str, Any]]:
        """How far it has read the prompt, where it is to tell: at first what is in its cache."""
        if call.body.get("return_progress"):
            empty: dict[str, Any] = {"delta": {"content": None}} if call.chat else {"text": ""}
            for read in (call.cached_tokens, call.prompt_tokens):
                told = {"cache": call.cached_tokens, "processed": read, "time_ms": 0}
                choice = empty | {"index": 0, "logprobs": None, "finish_reason": None}
                yield event([choice]) | {"prompt_progress": {"total": call.prompt_tokens} | told}

    def opening(self, call: Call, index: int) -> Iterator[dict[str, Any]]:
        """What comes before the first token of a choice."""
        if call.chat:
            delta = {"role": "assistant", "content": None}
            yield event([{"index": index, "delta": delta, "finish_reason": None}])

    def token(self, call: Call, index: int, text: str, reason: str | None) -> dict[str, Any]:
        """A token; every one is an event."""
        wanted = call.body.get("logprobs") or 0
        if call.chat and wanted:
            wanted = call.body.get("top_logprobs", 0)
        logprobs = {"content": [_entry(text, wanted)]} if call.body.get("logprobs") else None
        said = {"delta": {"content": text}} if call.chat else {"text": text}
        return event([said | {"index": index, "logprobs": logprobs, "finish_reason": reason}])

    def finish(self, call: Call, index: int, reason: str) -> Iterator[dict[str, Any]]:
        """The end of a choice."""
        said: dict[str, Any] = {"delta": {}} if call.chat else {"text": ""}
        last = said | {"index": index, "logprobs": None, "finish_reason": reason}
        counted = {"usage": usage(call, call.tokens[index]), "timings": {}}
        if not call.chat:
            yield event([last]) | counted
            return
        yield event([last])
        if (call.body.get("stream_options") or {}).get("include_usage"):
            yield event([]) | counted

    def last(self, call: Call) -> Iterator[dict[str, Any]]:
        """The end of the stream."""
        yield from ()


class VLLMShape:
    """As vLLM streams: parallel lists of log-probabilities, and one usage chunk at the end.

    A choice ends with its last token, and one that echoes its prompt begins with it.
    """

    ends_with_token = True

    def refusal(self, call: Call, context: int | None) -> tuple[int, dict[str, Any]] | None:
        """Why it does not answer, with which status; what the engine finds comes as an event."""
        if _has_media(call):
            return self._refused("m is not a multimodal model")
        if _too_long(call, context):
            message = f"This model's maximum context length is {context} tokens."
            return self._refused(message, "input_tokens")
        if not isinstance(given := call.body.get("top_p", 1.0), int | float):
            problem = {"type": "float_type", "loc": "body.top_p", "input": str(given)}
            return self._refused(f"1 validation error:\n  {problem}", "body.top_p")
        if "suffix" in call.body:
            return self._refused("suffix is only supported for FIM completion", "suffix")
        return self._unfit_numbers(call)

    def _unfit_numbers(self, call: Call) -> tuple[int, dict[str, Any]] | None:
        if call.body.get("max_tokens") == 0 and not call.repeated:
            return self._refused("max_tokens must be at least 1", "max_tokens")
        if (call.body.get("logprobs") or 0) > MOST_LOGPROBS:
            _, error = self._refused("Requested sample logprobs of too many", "logprobs")
            return 200, error
        return None

    def _refused(self, message: str, param: str | None = None) -> tuple[int, dict[str, Any]]:
        return 400, {"message": message, "type": "BadRequestError", "param": param, "code": 400}

    def reading(self, call: Call) -> Iterator[dict[str, Any]]:
        """It tells nothing before the end."""
        yield from ()

    def opening(self, call: Call, index: int) -> Iterator[dict[str, Any]]:
        """What comes before the first token of a choice."""
        if call.chat:
            choice = {"index": index, "delta": {"role": "assistant", "content": ""}}
            yield event([choice | {"logprobs": None, "finish_reason": None}])

    def token(self, call: Call, index: int, text: str, reason: str | None) -> dict[str, Any]:
        """A token, after the prompt where it is echoed; the prompt alone where none was wanted."""
        logprobs: dict[str, Any] | None = None
        echoed = call.repeated if call.tokens[index] == 1 else []
        own = [] if call.body.get("max_tokens") == 0 else [text]
        if call.chat:
            if call.body.get("logprobs"):
                logprobs = {"content": [_entry(text, call.body.get("top_logprobs", 0))]}
        elif (wanted := call.body.get("logprobs")) is not None:
            logprobs = self._lists(echoed, own, wanted)
        content = "".join([*echoed, *own])
        said = {"delta": {"content": text}} if call.chat else {"text": content}
        ids = {"prompt_token_ids": list(range(len(echoed))) or None, "token_ids": None}
        ending = {"index": index, "logprobs": logprobs, "finish_reason": reason}
        return event([said | ending | ids])

    def _lists(self, echoed: list[str], own: list[str], wanted: int) -> dict[str, Any]:
        tokens = [*echoed, *own]
        offsets = [sum(map(len, tokens[:at])) for at in range(len(tokens))]
        lists: dict[str, list[Any]] = {
            "tokens": tokens,
            "token_logprobs": [LOGPROB] * len(tokens),
            "top_logprobs": [alternatives(token, wanted) for token in tokens],
            "text_offset": offsets,
        }
        for top in lists["top_logprobs"][: len(echoed)]:
            top["?"] = LOGPROB / 2  # a prompt is seldom what a model would have said
        if echoed:  # nothing stands before the first
            lists["token_logprobs"][0] = lists["top_logprobs"][0] = None
        return lists

    def scored(self, call: Call, words: Sequence[str], values: Sequence[float]) -> dict[str, Any]:
        """An answer that is told at once, with what `prompt_logprobs` adds to it."""
        entries: list[dict[str, Any] | None] = [
            {str(number): {"logprob": value, "rank": 1, "decoded_token": word}}
            for number, word, value in zip(call.body["prompt"], words, values, strict=True)
        ]
        entries[:1] = [None]  # nothing stands before the first
        choice = {"index": 0, "text": "x", "logprobs": None, "finish_reason": "length"}
        return event([choice | {"prompt_logprobs": entries}]) | {"usage": usage(call, 1)}

    def finish(self, call: Call, index: int, reason: str) -> Iterator[dict[str, Any]]:
        """The end of a choice that did not end with its last token."""
        said: dict[str, Any] = {"delta": {"content": ""}} if call.chat else {"text": ""}
        ending = {"logprobs": None, "finish_reason": reason, "stop_reason": None}
        yield event([said | {"index": index} | ending])

    def last(self, call: Call) -> Iterator[dict[str, Any]]:
        """The end of the stream."""
        if (call.body.get("stream_options") or {}).get("include_usage"):
            yield event([]) | {"usage": usage(call, sum(call.tokens))}
