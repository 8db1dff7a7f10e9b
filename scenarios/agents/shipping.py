"""The quickstart's tool, as a team would deploy it: it calls a service instead of printing."""

import os

import requests


def notify_shipping_manager(id: str, review: str) -> str:  # noqa: A002  (the name that the model knows)
    """Notify the shipping manager when a product was damaged on its way.

    Parameters
    ----------
    id : str
        The product's number.
    review : str
        What the customer wrote.
    """
    answer = requests.post(
        os.environ["SHIPPING_URL"] + "/complaints", json={"product": id, "review": review}, timeout=10
    )
    answer.raise_for_status()
    return str(answer.json()["ticket"])
