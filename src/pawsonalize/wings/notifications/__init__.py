"""Messages to people: by log, e-mail, webhook or Amazon SNS."""

from pawsonalize.wing import Wing

WING = Wing(
    "notifications",
    settings="settings:NotificationSettings",
    commands="commands:COMMANDS",
    checks="checks:CHECKS",
    usable="notifying:USABLE",
)
