"""Take what a stream brings: good events into the log, the others to the keeper of refused ones."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from pawsonalize.core.errors import InvalidInput, StorageUnavailable
from pawsonalize.core.event import DEFAULT_DATASET_GROUP
from pawsonalize.core.logs import get_logger
from pawsonalize.events.event_form import Origin, Part, Unreadable, unpack
from pawsonalize.events.ingest import KeepRefusals, RefusedInput
from pawsonalize_streams.stream import Record, Stream

if TYPE_CHECKING:
    from pawsonalize.core.forms.decoder import Rejected
    from pawsonalize.events.ingest import Ingest

RECORDS_AT_ONCE = 2_000
_PARTS_AT_ONCE = 5_000  # in one transaction: others write as well

log = get_logger()


# Only durable records are acknowledged. After a crash the stream brings the others again; events
# and refusals then have the ids that they had, from themselves or from their place in the stream.
class BatchCounts(msgspec.Struct, frozen=True):
    """Counts of one batch of records."""

    records: int = 0
    accepted: int = 0
    duplicates: int = 0
    """Events that were stored before."""
    reasons: Counter[str] = msgspec.field(default_factory=Counter)
    """Reasons of refused records, or parts of them: a field or a code, and how often."""

    @property
    def refused(self) -> int:
        """Number of records, or parts of them, that were refused."""
        return self.reasons.total()

    def plus(self, more: "BatchCounts") -> "BatchCounts":
        """The sums."""
        return BatchCounts(
            self.records + more.records,
            self.accepted + more.accepted,
            self.duplicates + more.duplicates,
            self.reasons + more.reasons,
        )


class StreamSource(msgspec.Struct, frozen=True):
    """A stream as events and refusals name it, and where its events belong."""

    name: str
    """The stream's or topic's name, which ids begin with."""
    shown: str
    """Its URL without who logs in."""
    dataset_group: str = DEFAULT_DATASET_GROUP


class _Found(NamedTuple):
    part: Part
    place: str


class Consumer(msgspec.Struct):
    """Takes one stream's records, batch by batch, in one thread."""

    stream: Stream
    source: StreamSource
    ingest: "Ingest"
    refused: KeepRefusals
    now: Callable[[], int]
    on_batch: Callable[[BatchCounts], object] = lambda _counts: None
    _pending: Sequence[Record] = ()

    def step(self, wait: float) -> BatchCounts:
        """Take the next batch; wait up to `wait` seconds for one. After an error, call it again."""
        if not self._pending:
            self._pending = self.stream.read(RECORDS_AT_ONCE, wait)
            if not self._pending:
                return BatchCounts()
        counts = self._take(self._pending)
        self.stream.acknowledge(self._pending)
        self._pending = ()
        self.on_batch(counts)
        return counts

    def _take(self, records: Sequence[Record]) -> BatchCounts:
        now = self.now()
        found = [one for record in records for one in self._parts(record)]
        refusals: list[RefusedInput] = []
        flags: list[bool] = []
        for start in range(0, len(found), _PARTS_AT_ONCE):
            flags += self._store(found[start : start + _PARTS_AT_ONCE], now, refusals)
        if refusals:
            self.refused(refusals)
        stored = sum(flags)
        reasons = Counter(one.field or one.code for one in refusals)
        return BatchCounts(len(records), stored, len(flags) - stored, reasons)

    def _parts(self, record: Record) -> list[_Found]:
        place = f"{record.shard}/{record.sequence}"
        try:
            parts = unpack(record.data, Origin(f"{self.source.name}/{place}", record.arrived_at))
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not stop the stream
            return [_Found(Unreadable(record.data, _as_refusal(error)), place)]
        if len(parts) == 1:
            return [_Found(parts[0], place)]
        return [_Found(part, f"{place}/{number}") for number, part in enumerate(parts)]

    def _store(self, found: Sequence[_Found], now: int, refusals: list[RefusedInput]) -> list[bool]:
        try:
            parts = [one.part for one in found]
            events, refused = self.ingest.read(parts, now, self.source.dataset_group)
            flags = self.ingest.put_here(events)
        except (StorageUnavailable, MemoryError):
            raise
        except Exception as error:  # noqa: BLE001 - the one that it lies at must not stop the stream
            if len(found) == 1:
                refusals.append(self._refusal(found[0], now, _as_refusal(error)))
                return []
            half = len(found) // 2
            halves = (found[:half], found[half:])
            return [flag for part in halves for flag in self._store(part, now, refusals)]
        refusals += [self._refusal(found[one.index], now, one) for one in refused]
        return flags

    def _refusal(self, found: _Found, now: int, why: "InvalidInput | Rejected") -> RefusedInput:
        return RefusedInput(
            self.source.shown,
            self.source.dataset_group,
            now,
            bytes(found.part.raw),
            code=why.code,
            message=why.message,
            field=why.field,
            position=found.place,
        )


def _as_refusal(error: Exception) -> InvalidInput:
    if isinstance(error, InvalidInput):
        return error
    log.error("a record of a stream cannot be read", exc_info=error)
    reason = f"the service failed at this: {type(error).__name__} (its log has all of it)"
    return InvalidInput(reason, code="unforeseen")
