"""Resources: their kinds, states and dependencies; jobs, locks and access keys."""
