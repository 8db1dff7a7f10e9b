"""The event loop of one key: events, actions, memory, durable calls. No host, no threads of its own, no network.

May import flink_agents, pydantic, cloudpickle, ``observe.metrics``, and of ``stores`` the records and the interface;
never pyflink, ``local`` or ``on_flink``.
"""
