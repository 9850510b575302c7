"""Amazon Personalize itself as the engine that trains and answers."""
