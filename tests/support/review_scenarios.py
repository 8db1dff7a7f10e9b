"""Scenarios of the upstream quickstart agent, beside which another version of it is compared."""

from __future__ import annotations

UPSTREAM = "flink_agents.examples.quickstart.agents.review_analysis_agent:ReviewAnalysisAgent"
_REVIEWS = """\
version: "1"
name: {name}
agent: {agent}
tiers: [{tier}]
resources:
  chat_model_connections:
    - {{name: ollama_server, clazz: ollama, base_url: "${{llm.ollama_url}}", request_timeout: 30}}
llm:
  mode: scripted
  script:
    - when: {{role: tool}}
      reply: {{json: {{id: any, score: 1, reasons: [damaged on arrival]}}}}
      usage: {{prompt_tokens: 210, completion_tokens: 21}}
    - when: {{contains: already damaged, system_contains: in one word}}
      reply: {{tool_calls: [{{name: notify_shipping_manager, arguments: {{id: B000YFSR4W, review: wet}}}}]}}
      usage: {{prompt_tokens: 188, completion_tokens: 12}}
    - when: {{contains: already damaged}}
      reply: {{tool_calls: [{{name: notify_shipping_manager, arguments: {{id: B000YFSR4W, review: arrived wet}}}}]}}
      usage: {{prompt_tokens: 180, completion_tokens: 17}}
    - when: {{system_contains: satisfaction score}}
      reply: {{json: {{id: any, score: 5, reasons: []}}}}
inputs:
  - {{package: flink_agents.examples.quickstart, file: resources/product_review.txt, key: id, limit: 6}}
{words}expect:
  outputs: {{count: 6}}
{expect}within: 120s
"""


def reviews(name: str, agent: str, words: str, expect: str = "", tier: str = "local") -> str:
    """Return a scenario of an agent with further words, and further words under ``expect``."""
    return _REVIEWS.format(name=name, agent=agent, words=words, expect=expect, tier=tier)
