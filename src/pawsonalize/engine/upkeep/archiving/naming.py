"""Which rows share an object, and what it is called.

`2026/11/24/15/events-{first offset}-{last offset}.jsonl.zst`: the folder is the hour of
`received_at` in UTC, and the name alone says where the rows belong.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby

from pawsonalize.domain.events import LoggedEvent
from pawsonalize.domain.times import SECOND
from pawsonalize.storage.archive_ledger import Segment

_KEY = re.compile(r"(\d{4}/\d\d/\d\d/\d\d)/events-(\d{20})-(\d{20})\.jsonl\.zst", re.ASCII)


@dataclass(frozen=True, slots=True)
class ObjectName:
    """A key, taken apart; offsets `first` to `last`, inclusive."""

    key: str
    hour: str
    first: int
    last: int

    @classmethod
    def parse(cls, key: str) -> "ObjectName | None":
        """Read a key; None when the archive does not name objects so."""
        match = _KEY.fullmatch(key)
        return match and cls(key, match[1], int(match[2]), int(match[3]))


def hour_of(moment: int) -> str:
    """The folder of a moment."""
    return datetime.fromtimestamp(moment // SECOND, UTC).strftime("%Y/%m/%d/%H")


def segments_of(rows: Sequence[LoggedEvent]) -> list[Segment]:
    """Cut rows of the log, in offset order, wherever the hour changes."""
    segments = []
    for hour, run in groupby(rows, lambda row: hour_of(row.event.received_at)):
        offsets = [row.offset for row in run]
        first, last = offsets[0], offsets[-1]
        key = f"{hour}/events-{first:020d}-{last:020d}.jsonl.zst"
        segments.append(Segment(first, last, len(offsets), key))
    return segments
