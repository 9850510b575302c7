"""Resources: their kinds, registry, states and dependencies; filters, jobs and access keys."""
