"""The operator's side: what is deployed, and how."""
