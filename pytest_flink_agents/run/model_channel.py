"""The model server's addresses and calls of one run."""

from __future__ import annotations

from flink_testbed.models.channel import Call, Channel
from pytest_flink_agents.evidence.model import ModelCall
from pytest_flink_agents.scenario.placeholders import format_placeholder


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


def _model_call(call: Call) -> ModelCall:
    tokens = (call.usage.prompt_tokens, call.usage.completion_tokens) if call.usage else (None, None)
    return ModelCall(call.wire, call.model, call.messages, call.rule, call.reply, call.nearest, *tokens)
