"""Amazon Personalize itself as the engine that trains and answers."""

from pawsonalize.wing import Wing

WING = Wing(
    "remote_amazon",
    settings="settings:AmazonSettings",
    checks="composition:CHECKS",
    usable="composition:USABLE",
    tasks="composition:tasks",
    ports={"remote_engine": "settings:open_engine"},
)
