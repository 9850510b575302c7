"""The writer of a stream for `events send`."""

from typing import TYPE_CHECKING

from pawsonalize.app.ports import DEFAULT_STREAM, PRODUCER
from pawsonalize_streams import StreamSettings

if TYPE_CHECKING:
    from pawsonalize.app.sending import Producer
    from pawsonalize.app.settings import Settings


def open_producer(url: str, create: bool) -> "Producer":
    """Open the writer of a stream; with `create`, a missing stream is made."""
    from pawsonalize_streams import reading

    return reading.open_producer(url, create)


def default_stream(settings: "Settings") -> str | None:
    """Return the URL of the stream that the settings name, or None."""
    return settings.part(StreamSettings).stream_url or None


PORTS = (PRODUCER.by(open_producer), DEFAULT_STREAM.by(default_stream))
