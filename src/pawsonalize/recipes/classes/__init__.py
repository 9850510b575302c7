"""Classes of visitors: learned kinds of tastes, so that a few events say more than themselves."""
