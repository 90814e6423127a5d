"""Which models may answer a request, and whether its plan may be what its policy makes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from policies.cost import CostModel, UnknownCost
from policies.policy import Policy
from policies.values import Budget, Task
from router.errors import InvalidRequest, ModelNotFound
from router.request import AUTO, ChatPrompt, RouteRequest, TextPrompt, TokenPrompt
from router.upstream.client import Upstream


def models_for(
    request: RouteRequest,
    policy: Policy,
    budget: Budget,
    upstreams: Mapping[str, Upstream],
    cost: CostModel,
) -> tuple[str, ...]:
    """The models that may answer a request, the cheapest first.

    Raises `ModelNotFound`, `InvalidRequest` where none of them can, and `UnknownCost`.
    """
    pinned = None if request.model == AUTO else request.model
    if pinned is not None and pinned not in upstreams:
        raise ModelNotFound(
            f"model {pinned!r} is not known; there are {[AUTO, *upstreams]}", param="model"
        )
    ids = policy.restrict(tuple(upstreams), pinned=pinned)
    if isinstance(request.prompt, TextPrompt) and request.prompt.suffix:
        ids = tuple(id_ for id_ in ids if upstreams[id_].fim is not None)
        if not ids:
            raise InvalidRequest(
                "none of these models fills in the middle: send no suffix", param="suffix"
            )
    if isinstance(request.prompt, TokenPrompt) and len(ids) > 1:
        raise InvalidRequest(
            f"token numbers are those of one model: name it; there are {list(ids)}",
            param="model",
        )
    if request.sampling.echo:
        ids = _echoing(ids, upstreams)
    if budget.flops is not None:
        known = tuple(id_ for id_ in ids if cost.knows(id_))
        if not known:
            raise UnknownCost(ids[0])
        ids = known
    return ids


def check_tools(request: RouteRequest, policy: Policy, task: Task) -> None:
    """Calls of tools are no text that could be judged or ranked. Raises `InvalidRequest`."""
    if not (isinstance(request.prompt, ChatPrompt) and request.prompt.tools):
        return
    if request.tests is not None:
        raise InvalidRequest("tools cannot be sent with tests: send one of them", param="tools")
    if policy.most_samples(task) > 1:
        raise InvalidRequest(
            "tools need a plan of one sample: name the policy single, with n of 1", param="tools"
        )


def _echoing(ids: Sequence[str], upstreams: Mapping[str, Upstream]) -> tuple[str, ...]:
    """Those whose server knows what only a server can know of a prompt."""
    able = tuple(id_ for id_ in ids if upstreams[id_].server.echoes)
    if not able:
        raise InvalidRequest(
            "echo with logprobs, or of token numbers, needs a server that scores prompts, as "
            f'vLLM does (server = "vllm" in the configuration); none of {list(ids)} is at one',
            param="echo",
        )
    return able
