"""Resources: their kinds, states and dependencies; jobs and access keys."""
