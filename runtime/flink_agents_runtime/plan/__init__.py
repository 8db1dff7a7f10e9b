"""Creation of an ``AgentPlan`` from an agent reference or object."""
