"""Messages to people: by log, e-mail, webhook or Amazon SNS."""

from pawsonalize.wing import Wing

WING = Wing(
    "notifications",
    settings="settings:NotificationSettings",
    commands="commands:COMMANDS",
    checks="delivery:CHECKS",
    console_pages="pages:PAGES",
    operations="pages:OPERATIONS",
    usable="delivery:USABLE",
    started="delivery:started",
    tasks="delivery:tasks",
    upkeep="delivery:upkeep",
    ports={"notifiers": "delivery:open_notifiers", "deliveries": "delivery:deliveries"},
)
