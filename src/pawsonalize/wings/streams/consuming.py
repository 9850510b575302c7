"""Takes what a stream brings: good events into the log, the others to who keeps refused ones.

Only what is durable is acknowledged. After a crash the stream brings it again; events then have the
ids they had, from themselves or from their place in the stream, and so do refused ones.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import structlog

from pawsonalize.domain.errors import InvalidInput, StorageUnavailable
from pawsonalize.domain.events import DEFAULT_DATASET_GROUP
from pawsonalize.engine.ingest.events import Ingest, Rejection
from pawsonalize.engine.ingest.payloads import Origin, Part, Unreadable, unpack
from pawsonalize.engine.ingest.refusals import KeepRefusals, RefusedInput
from pawsonalize.wings.streams.stream import Record, Stream

RECORDS_AT_ONCE = 2_000
_PARTS_AT_ONCE = 5_000  # in one transaction: others write as well

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of the records of one batch."""

    records: int = 0
    accepted: int = 0
    """Events that are stored now."""
    duplicates: int = 0
    """Events that were stored before."""
    reasons: Counter[str] = field(default_factory=Counter)
    """Why records, or parts of them, were refused: a field or a code, and how often."""

    @property
    def refused(self) -> int:
        """Number of records, or parts of them, that were refused."""
        return self.reasons.total()

    def plus(self, more: "Taken") -> "Taken":
        """The sums."""
        return Taken(
            self.records + more.records,
            self.accepted + more.accepted,
            self.duplicates + more.duplicates,
            self.reasons + more.reasons,
        )


@dataclass(frozen=True, slots=True)
class StreamSource:
    """A stream as events and refusals name it, and where its events belong."""

    name: str
    """The stream's or topic's name, which ids begin with."""
    shown: str
    """Its URL without who logs in."""
    dataset_group: str = DEFAULT_DATASET_GROUP


@dataclass(frozen=True, slots=True)
class _Found:
    """A part of a record, and its place in the stream."""

    part: Part
    place: str


Told = Callable[[Taken], object]


class Consumer:
    """Takes one stream's records, batch by batch, in one thread."""

    def __init__(
        self,
        stream: Stream,
        source: StreamSource,
        ingest: Ingest,
        refused: KeepRefusals,
        now: Callable[[], int],
        told: Told = lambda _taken: None,
    ) -> None:
        self.stream = stream
        self._source = source
        self._ingest = ingest
        self._keep = refused
        self._now = now
        self._told = told
        self._pending: Sequence[Record] = ()

    def step(self, wait: float) -> Taken:
        """Take the next batch, waiting up to `wait` seconds for one.

        Raises what the stream and the tables raise: the next call then goes on with the same batch.
        """
        if not self._pending:
            self._pending = self.stream.read(RECORDS_AT_ONCE, wait)
            if not self._pending:
                return Taken()
        taken = self._take(self._pending)
        self.stream.acknowledge(self._pending)
        self._pending = ()
        self._told(taken)
        return taken

    def _take(self, records: Sequence[Record]) -> Taken:
        now = self._now()
        found = [one for record in records for one in self._parts(record)]
        refusals: list[RefusedInput] = []
        flags: list[bool] = []
        for start in range(0, len(found), _PARTS_AT_ONCE):
            flags += self._store(found[start : start + _PARTS_AT_ONCE], now, refusals)
        if refusals:
            self._keep(refusals)
        stored = sum(flags)
        reasons = Counter(one.field or one.code for one in refusals)
        return Taken(len(records), stored, len(flags) - stored, reasons)

    def _parts(self, record: Record) -> list[_Found]:
        place = f"{record.shard}/{record.sequence}"
        try:
            parts = unpack(record.data, Origin(f"{self._source.name}/{place}", record.arrived_at))
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not stop the stream
            return [_Found(Unreadable(record.data, _as_refusal(error)), place)]
        if len(parts) == 1:
            return [_Found(parts[0], place)]
        return [_Found(part, f"{place}/{number}") for number, part in enumerate(parts)]

    def _store(self, found: Sequence[_Found], now: int, refusals: list[RefusedInput]) -> list[bool]:
        """Store the good events, in order; a flag for each that is new. The others are refused."""
        try:
            parts = [one.part for one in found]
            events, refused = self._ingest.read(parts, now, self._source.dataset_group)
            flags = self._ingest.put_here(events)
        except (StorageUnavailable, MemoryError):
            raise
        except Exception as error:  # noqa: BLE001 - the one that it lies at must not stop the stream
            if len(found) == 1:
                refusals.append(self._refusal(found[0], now, _as_refusal(error)))
                return []
            half = len(found) // 2
            return [
                *self._store(found[:half], now, refusals),
                *self._store(found[half:], now, refusals),
            ]
        refusals += [self._refusal(found[one.index], now, one) for one in refused]
        return flags

    def _refusal(self, found: _Found, now: int, why: InvalidInput | Rejection) -> RefusedInput:
        return RefusedInput(
            self._source.shown,
            self._source.dataset_group,
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
    return InvalidInput(
        f"the service failed at this: {type(error).__name__} (its log has all of it)",
        code="unforeseen",
    )
