"""The model server's addresses and calls of one run."""

from __future__ import annotations

from flink_testbed.models.call import Call
from flink_testbed.models.channel import Channel
from flink_testbed.models.tape import Replay
from pytest_flink_agents.evidence.model_calls import ModelCall, ModelSource
from pytest_flink_agents.scenario.placeholders import format_placeholder

_ANSWERED = 200


def model_urls(models: Channel | None) -> dict[str, str]:
    """Return the values of the placeholders ``${llm.*}``; none without a channel."""
    if models is None:
        return {}
    return {
        "llm.ollama_url": models.ollama_url,
        "llm.openai_url": models.openai_url,
        "llm.anthropic_url": models.anthropic_url,
        **{format_placeholder(name): url for name, url in models.added_urls.items()},
    }


def model_calls(models: Channel | None) -> tuple[ModelCall, ...]:
    """Return the calls so far, as evidence."""
    return tuple(map(_model_call, models.calls)) if models is not None else ()


def model_source(models: Channel | None) -> ModelSource | None:
    """Return where the answers came from, as evidence; None for a script."""
    tape = models.tape if models is not None else None
    if tape is None:
        return None
    return ModelSource(tape.mode, len(tape.exchanges) if isinstance(tape, Replay) else 0, tape.trouble)


def _model_call(call: Call) -> ModelCall:
    # A script counts what it answers; without a count, a client that got an answer used tokens that are not known.
    uncounted = call.usage is None and call.status == _ANSWERED and not call.faults
    return ModelCall(
        call.wire,
        call.model,
        call.messages,
        call.rule,
        call.reply,
        call.nearest,
        call.usage.prompt_tokens if call.usage else None,
        call.usage.completion_tokens if call.usage else None,
        uncounted,
    )
