"""Amazon Personalize itself as the engine that trains and answers."""

from pawsonalize.wing import Wing

WING = Wing(
    "remote_amazon",
    settings="settings:AmazonSettings",
    checks="checks:CHECKS",
    usable="composition:USABLE",
    tasks="tasks:tasks",
    ports={"remote_engine": "opening:open_engine"},
)
