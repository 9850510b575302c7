"""One Pawsonalize whose engine is another, as it would be Amazon Personalize."""
