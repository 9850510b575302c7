"""Events read from a broker: Kinesis, Kafka or NATS JetStream."""

from pawsonalize.wing import Wing

WING = Wing(
    "streams",
    settings="settings:StreamSettings",
    commands="commands:COMMANDS",
    tables="tables:TABLES",
    checks="checks:CHECKS",
    operations="operations:OPERATIONS",
    usable="reading:USABLE",
    needs="reading:NEEDS",
    started="served:started",
    tasks="served:tasks",
    gauges="served:gauges",
    ports={"producer": "reading:open_producer", "default_stream": "reading:default_stream"},
)
