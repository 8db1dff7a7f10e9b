"""The next release of the upstream quickstart agent: another prompt, and nothing else."""

from flink_agents.api.agents.agent import Agent
from flink_agents.api.chat_message import ChatMessage, MessageRole
from flink_agents.api.decorators import prompt
from flink_agents.api.prompts.prompt import Prompt
from flink_agents.examples.quickstart.agents.custom_types_and_resources import review_analysis_prompt as released
from flink_agents.examples.quickstart.agents.review_analysis_agent import ReviewAnalysisAgent


def brief_prompt() -> Prompt:
    """Ask for less."""
    first, *others = released.template
    changed = ChatMessage(role=MessageRole.SYSTEM, content=first.content + "Name the damage in one word.")
    return Prompt.from_messages(messages=[changed, *others])


# Upstream refuses inherited actions.
_MEMBERS = {name: member for name, member in vars(ReviewAnalysisAgent).items() if not name.startswith("__")}
SameReviewAgent = type("SameReviewAgent", (Agent,), _MEMBERS)
BriefReviewAgent = type(
    "BriefReviewAgent", (Agent,), {**_MEMBERS, "review_analysis_prompt": prompt(staticmethod(brief_prompt))}
)
