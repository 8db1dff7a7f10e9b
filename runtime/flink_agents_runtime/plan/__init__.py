"""Agent references and agents -> an ``AgentPlan``. Executes nothing."""
