"""Dead letters over the adapters, and what they add to the service."""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

import msgspec
import structlog
from msgspec.structs import asdict
from prometheus_client import Counter
from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from pawsonalize import clock
from pawsonalize.app.adapters import Adapters
from pawsonalize.app.disk_forecast import DiskGrowth, Growth
from pawsonalize.domain.errors import NotReady, PawsonalizeError
from pawsonalize.domain.events import USER, owning_group
from pawsonalize.domain.times import DAY, MINUTE
from pawsonalize.engine.ingest.events import group_at
from pawsonalize.engine.ingest.group_commit import GroupCommit
from pawsonalize.engine.ingest.refusals import RefusedInput
from pawsonalize.kinds.datasets import DatasetGroup
from pawsonalize.kinds.problems import Problems
from pawsonalize.settings import Settings
from pawsonalize.storage.archive_ledger import ArchiveIndex
from pawsonalize.storage.contexts import in_time
from pawsonalize.storage.sizes import TableSizes
from pawsonalize.wings.dead_letters import DeadLetterSettings
from pawsonalize.wings.dead_letters.archived_letters import ArchivedLetters
from pawsonalize.wings.dead_letters.dead_letters import DeadLetters, LetterQuery
from pawsonalize.wings.dead_letters.letter_replay import LetterReplay
from pawsonalize.wings.dead_letters.letters import DeadLetter, names_in
from pawsonalize.wings.dead_letters.tables import dead_letters

if TYPE_CHECKING:
    from pawsonalize.access.services import Services


USUAL_BYTES: Final = 4096
"""Average size of a letter for which there is room."""
# Larger input is not kept, so that nobody can keep us busy with what is no event.
LARGEST: Final = 1024 * 1024

_MOST_AT_ONCE = 2_000  # that wait to be stored: who sends faster is not kept waiting
_MEASURED_SECONDS = 10.0
_FULL_PROBLEM = "keep refused events"
_FULL_FOR = 15 * MINUTE

log = structlog.get_logger()


class _Room(msgspec.Struct):
    letters: int = 0
    bytes: int = 0
    until: float = 0.0


# With `most` letters, or as many times `USUAL_BYTES` of them, no more are kept: that is a problem,
# and `lost` gets the number.
@dataclass(slots=True)
class Refusals:
    """Takes refused events; stores what comes at the same time together."""

    letters: DeadLetters
    problems: Problems
    now: Callable[[], int]
    most: int
    lost: Callable[[int], object] = lambda _count: None
    _room: _Room = field(default_factory=_Room)
    _writer: GroupCommit[DeadLetter, bool] = field(init=False)

    def __post_init__(self) -> None:
        self._writer = GroupCommit(in_time(self._store), max_waiting=_MOST_AT_ONCE)

    async def keep(
        self, refused: Sequence[RefusedInput], *, is_page: bool = False, user_id: str | None = None
    ) -> int:
        """See `RefusalSink.keep`."""
        letters = [DeadLetter(**asdict(one)) for one in refused if len(one.raw) <= LARGEST]
        lost = len(refused) - len(letters)
        if is_page:
            letters = await asyncio.to_thread(_without_others, letters, user_id)
        if letters:
            lost += len(letters) - sum(await self._stored(letters))
        if lost:
            self.lost(lost)
        return lost

    async def _stored(self, letters: Sequence[DeadLetter]) -> list[bool]:
        try:
            return await self._writer.submit(letters, letters[0].dataset_group)
        # Too many wait to be stored.
        except NotReady:
            return []
        except PawsonalizeError as error:
            log.warning("refused events not kept", count=len(letters), reason=error.message)
            return []

    def close(self) -> None:
        """See `RefusalSink.close`."""
        self._writer.close()

    def _store(self, letters: Sequence[DeadLetter]) -> list[bool]:
        # To measure reads every letter, so new ones are counted up for a while.
        if time.monotonic() >= self._room.until:
            count, size = self.letters.size()
            self._room = _Room(count, size, time.monotonic() + _MEASURED_SECONDS)
        room = self._room
        flags = []
        for one in letters:
            fits = room.letters < self.most and room.bytes < self.most * USUAL_BYTES
            flags.append(fits)
            if fits:
                room.letters += 1
                room.bytes += len(one.raw)
        kept = [one for one, fits in zip(letters, flags, strict=True) if fits]
        if kept:
            self.letters.keep(kept)
        if len(kept) < len(letters):
            self._report()
        return flags

    def _report(self) -> None:
        message = (
            f"{self._room.letters:,} dead letters wait, and no more are kept of what /v1/events"
            f" refuses: look at them with `pawsonalize dead-letters ls`, replay or remove them, or"
            " raise max_dead_letters"
        )
        self.problems.report(_FULL_PROBLEM, message, self.now(), within=_FULL_FOR)


def _without_others(letters: Sequence[DeadLetter], user_id: str | None) -> list[DeadLetter]:
    """Return the letters that name no user but this one."""
    # Replay needs no visitor's token, so a page could otherwise speak for others.
    return [
        letter
        for letter in letters
        if all(name == user_id for kind, name in names_in(letter.raw) if kind == USER)
    ]


KEPT = Counter(
    "pawsonalize_dead_letters_total", "What could not be taken and was kept.", ("source",)
)
LOST = Counter(
    "pawsonalize_refused_events_lost_total",
    "What /v1/events refused and could not be kept as dead letters; see max_dead_letters.",
)


def gauges(replay: LetterReplay, _now: int) -> list[Metric]:
    """Return the number of letters that wait."""
    name, waiting = "pawsonalize_dead_letters_waiting", replay.letters.waiting()
    return [GaugeMetricFamily(name, "Dead letters that wait.", waiting)]


def letters_of(adapters: Adapters) -> DeadLetters:
    """Return the dead letters; those that are kept are counted."""
    return DeadLetters(adapters.database, lambda source, n: KEPT.labels(source).inc(n))


def letter_replay(adapters: Adapters) -> LetterReplay:
    """Return what takes letters in again."""
    return LetterReplay(
        letters_of(adapters),
        adapters.log.append,
        partial(group_at, adapters.animals),
        lambda name: adapters.registry.find(DatasetGroup, owning_group(name)) is not None,
        clock.now,
    )


def archived_letters(adapters: Adapters) -> ArchivedLetters:
    """Return the letters in the archive, and what copies them there."""
    index = ArchiveIndex(adapters.database)
    return ArchivedLetters(adapters.database, adapters.objects, index, adapters.erased)


def started(_settings: Settings, adapters: Adapters, _services: "Services") -> LetterReplay:
    """Return the letters and their replay, which operations and metrics share."""
    return letter_replay(adapters)


def refusals(settings: Settings, adapters: Adapters) -> Refusals | None:
    """Return what keeps events that /v1/events refused; None if they are not to be kept."""
    own = settings.part(DeadLetterSettings)
    if not own.keep_refused_events:
        return None
    letters, problems = letters_of(adapters), adapters.problems
    return Refusals(letters, problems, clock.now, most=own.max_dead_letters, lost=LOST.inc)


def stream_refusals(adapters: Adapters) -> Callable[[Sequence[RefusedInput]], int]:
    """Return what keeps refused records of streams, which is always done."""
    letters = letters_of(adapters)
    return lambda refused: letters.keep([DeadLetter(**asdict(one)) for one in refused])


def archive_run(adapters: Adapters) -> str | None:
    """Archive new letters now; returns how many, in words."""
    count = archived_letters(adapters).archive_once(clock.now())
    return f"{count:,} dead letters archived" if count else None


def upkeep(
    settings: Settings, adapters: Adapters, _stopped: Callable[[], bool]
) -> Iterator[tuple[str, Callable[[int], object]]]:
    """Yield the removal of old letters, and the archiving of new ones."""
    letters, archived = letters_of(adapters), archived_letters(adapters)
    days = settings.part(DeadLetterSettings).dead_letter_days
    yield "delete old dead letters", partial(forget_old, letters, archived, days)
    yield "archive dead letters", archived.archive_once


def forget_old(letters: DeadLetters, archived: ArchivedLetters, days: int, now: int) -> None:
    """Delete letters that came in more than `days` ago, here and in the archive; 0: never."""
    if days:
        archived.forget_old(now - days * DAY)
        letters.remove_matching(LetterQuery(until=now - days * DAY))


def growth(measuring: DiskGrowth) -> Growth:
    """Return what a day adds to the table; it is full when the oldest letters are deleted."""
    days = measuring.settings.part(DeadLetterSettings).dead_letter_days
    sizes = TableSizes(measuring.adapters.database)
    new = sizes.bytes_since(dead_letters.c.at, measuring.since)
    return measuring.growth("dead letters", new, days)


GROWTH = (growth,)
VISITOR_OBJECTS = (archived_letters,)
