"""An agent that pays customers back through a payment service."""

import os

import requests
from flink_agents.api.agents.agent import Agent
from flink_agents.api.decorators import action
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.runner_context import RunnerContext

ATTEMPTS, BUSY = 3, 503


def pay_back(order: str, amount: int) -> dict:
    """Ask the payment service for a refund; a repeated request for an order pays nothing more."""
    for _ in range(ATTEMPTS):
        answer = requests.post(
            os.environ["PAYMENTS_URL"] + "/refunds",
            json={"order": order, "amount": amount},
            headers={"Idempotency-Key": order},
            timeout=10,
        )
        if answer.status_code != BUSY:
            break
    answer.raise_for_status()
    return answer.json()


class RefundAgent(Agent):
    """Approves every refund."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def refund(event: Event, ctx: RunnerContext) -> None:
        """Pay back, and give out the reference of the payment."""
        request = InputEvent.from_event(event).input
        paid = ctx.durable_execute(pay_back, request["order"], request["amount"])
        ctx.send_event(OutputEvent(output={"order": request["order"], "reference": paid["reference"]}))
