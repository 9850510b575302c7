"""The port of the archive's ledger, in the manner of `storage/base.py`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Segment:
    """A run of the log that one archive object holds: offsets `first` to `last`, inclusive."""

    first: int
    last: int
    rows: int
    key: str
    sha256: str | None = None


class ArchiveLedger(Protocol):
    """Which offsets go into which archive object; planned first, so that a retry is the same."""

    def planned_through(self) -> int:
        """The last offset that belongs to a segment, 0 for none."""
        ...

    def plan(self, segments: Sequence[Segment], *, after: int) -> bool:
        """Append segments if the plan still ends at `after`; False if somebody was faster."""
        ...

    def pending(self) -> list[Segment]:
        """Planned segments whose object is not confirmed yet, in order."""
        ...

    def confirm(self, segment: Segment) -> None:
        """Record that the object is durable, with its digest and how many rows it holds."""
        ...

    def segments(self) -> list[Segment]:
        """All segments, in order."""
        ...
