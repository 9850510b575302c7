"""Amazon Personalize as the engine: what trains and answers there, through its API."""
