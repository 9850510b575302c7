"""Check of the streams that events are read from."""

from collections.abc import Iterator
from itertools import groupby

from pawsonalize.app.checks import EVERYWHERE, Check, CheckedService, Diagnosis, attention, fine
from pawsonalize.domain.times import MINUTE, iso
from pawsonalize.wings.streams.reading import source_of
from pawsonalize.wings.streams.settings import StreamSettings
from pawsonalize.wings.streams.stream_shards import Shard, shards_of_all

_LONG_SECONDS = 60.0


def streams(service: CheckedService) -> Iterator[Diagnosis]:
    """Report the lag of each stream; find shards that nobody reads."""
    known = shards_of_all(service.adapters.database)
    for stream, of_it in groupby(known, lambda one: one.stream):
        yield _of(stream, [one for one in of_it if not one.is_ended], service.now)
    if not service.settings.part(StreamSettings).stream_url:
        return
    named = source_of(service.settings, service.adapters).shown
    if named not in {one.stream for one in known}:
        yield attention(
            "nobody has read it yet",
            "start `pawsonalize serve` or `pawsonalize consume`, and look at their log",
            about=f"stream {named}",
        )


def _of(stream: str, shards: list[Shard], now: int) -> Diagnosis:
    name = f"stream {stream}"
    seen = [one for one in shards if one.holder and now - (one.looked_at or 0) <= MINUTE]
    if len(seen) < len(shards):
        last = max((one.looked_at for one in shards if one.looked_at is not None), default=None)
        since = "yet" if last is None else f"since {iso(last)}"
        return attention(
            f"nobody reads {len(shards) - len(seen)} of its {len(shards)} shards {since}",
            "start `pawsonalize serve` or `pawsonalize consume`, and look at their log",
            about=name,
        )
    seconds = max((one.lag_seconds or 0.0 for one in seen), default=0.0)
    messages = sum(one.lag_messages or 0 for one in seen)
    found = f"{len(seen)} shards, {messages:,} messages and {seconds:,.0f} s behind"
    if seconds > _LONG_SECONDS:
        return attention(
            found, "start more of `pawsonalize consume`: they share the shards", about=name
        )
    return fine(found, about=name)


CHECKS = (Check("streams", streams, EVERYWHERE),)
