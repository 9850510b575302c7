"""Dead letters over the adapters, and what they add to the service."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING

from pawsonalize import clock
from pawsonalize.app.adapters import Adapters
from pawsonalize.app.disk_forecast import DiskGrowth, Growth
from pawsonalize.domain.events import owning_group
from pawsonalize.domain.times import DAY
from pawsonalize.engine.ingest.events import group_at
from pawsonalize.engine.ingest.refusals import RefusedInput
from pawsonalize.kinds.datasets import DatasetGroup
from pawsonalize.settings import Settings
from pawsonalize.storage.archive_ledger import ArchiveIndex
from pawsonalize.storage.sizes import TableSizes
from pawsonalize.wings.dead_letters.archived_letters import ArchivedLetters
from pawsonalize.wings.dead_letters.dead_letters import DeadLetters
from pawsonalize.wings.dead_letters.letter_plan import LetterPlan
from pawsonalize.wings.dead_letters.letter_replay import LetterReplay
from pawsonalize.wings.dead_letters.letter_table import LetterQuery
from pawsonalize.wings.dead_letters.letters import DeadLetter
from pawsonalize.wings.dead_letters.metrics import LOST, count_kept
from pawsonalize.wings.dead_letters.refusals import Refusals
from pawsonalize.wings.dead_letters.settings import DeadLetterSettings
from pawsonalize.wings.dead_letters.tables import dead_letters

if TYPE_CHECKING:
    from pawsonalize.http.services import Services


def letters_of(adapters: Adapters) -> DeadLetters:
    """Return the dead letters; those that are kept are counted."""
    return DeadLetters(adapters.database, count_kept)


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
    plan, index = LetterPlan(adapters.database), ArchiveIndex(adapters.database)
    return ArchivedLetters(plan, adapters.objects, index, adapters.erased)


@contextmanager
def started(
    _settings: Settings, adapters: Adapters, _services: "Services"
) -> Iterator[LetterReplay]:
    """Yield the letters and their replay, which operations and metrics share."""
    yield letter_replay(adapters)


def refusals(settings: Settings, adapters: Adapters) -> Refusals | None:
    """Return what keeps events that /v1/events refused; None if they are not to be kept."""
    own = settings.part(DeadLetterSettings)
    if not own.keep_refused_events:
        return None
    return Refusals(
        letters_of(adapters),
        adapters.problems(settings),
        clock.now,
        most=own.max_dead_letters,
        lost=LOST.inc,
    )


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
