"""Events read from a broker: Kinesis, Kafka or NATS JetStream."""

import msgspec

from pawsonalize.core.plugin import Plugin


class StreamSettings(msgspec.Struct, frozen=True):
    """The stream that events come from beside HTTP."""

    stream_url: str = ""
    """The stream that the server reads events from, such as `nats://host:4222/STREAM`; empty: none.
    """
    stream_tracking_id: str = ""
    """The tracking id of the event tracker it belongs to; empty: the default dataset group's."""


PLUGIN = Plugin(
    "streams",
    package=__name__,
    settings=":StreamSettings",
    commands="commands:COMMANDS",
    tables="tables:TABLES",
    checks="reading:CHECKS",
    operations="served:OPERATIONS",
    usable="reading:USABLE",
    needs="reading:NEEDS",
    started="served:started",
    tasks="served:tasks",
    gauges="served:gauges",
    ports="ports:PORTS",
)
