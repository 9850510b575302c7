"""Events read from a broker: Kinesis, Kafka or NATS JetStream."""

from pawsonalize.wing import Wing

WING = Wing(
    "streams",
    settings="settings:StreamSettings",
    commands="commands:COMMANDS",
    tables="tables:TABLES",
    checks="checks:CHECKS",
    operations="operations:STREAM_OPERATIONS",
    usable="reading:USABLE",
)
