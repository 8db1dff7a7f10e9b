"""Plans: from an agent reference or an agent object to an ``AgentPlan``. Nothing here runs an agent."""
