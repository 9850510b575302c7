"""Messages to people: by log, e-mail, webhook or Amazon SNS."""

from pawsonalize.wing import Wing

WING = Wing(
    "notifications",
    settings="settings:NotificationSettings",
    commands="commands:COMMANDS",
    checks="checks:CHECKS",
    console_pages="pages:PAGES",
    operations="pages:OPERATIONS",
    usable="notifying:USABLE",
    started="tasks:started",
    tasks="tasks:tasks",
    upkeep="notifying:upkeep",
    ports={"notifiers": "notifying:open_notifiers", "deliveries": "notifying:deliveries"},
)
