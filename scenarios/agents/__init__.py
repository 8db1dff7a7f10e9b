"""Small agents, one idea each. They import flink_agents only, as an agent of yours would."""
