"""The token of PyFlink's gateway, which the harness gives to both of its sides.

The Java side has it as a constant, see ``flink_testbed.artifacts.gateway_token``. PyFlink has no
option for the Python side.
"""

from __future__ import annotations

import os
from functools import partial

VARIABLE = "FLINK_AGENTS_GATEWAY_TOKEN"


def use_gateway_token() -> None:
    """Make PyFlink use the token of the environment, if there is one.

    Call this before the first use of the gateway. The variable is removed, because PyFlink passes
    the environment on to its processes.
    """
    token = os.environ.pop(VARIABLE, "")
    if not token:
        return
    from pyflink import java_gateway

    for name in ("GatewayParameters", "CallbackServerParameters"):
        setattr(java_gateway, name, partial(getattr(java_gateway, name), auth_token=token))
