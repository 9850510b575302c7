"""Settings of streams."""

import msgspec


class StreamSettings(msgspec.Struct, frozen=True):
    """The stream that events come from beside HTTP."""

    stream_url: str = ""
    """The stream that the server reads events from, such as `nats://host:4222/STREAM`; empty: none.
    """
    stream_tracking_id: str = ""
    """The tracking id of the event tracker it belongs to; empty: the default dataset group's."""
