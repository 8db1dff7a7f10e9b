"""The event loop of one key: events, actions, memory and durable calls.

The engine has no threads and no network of its own; a host drives it and provides the executor. It
may import flink_agents, pydantic and cloudpickle, but no pyflink, and nothing from ``local``,
``on_flink``, ``observe`` or ``stores``: the interfaces that it needs from those are defined here.
"""
