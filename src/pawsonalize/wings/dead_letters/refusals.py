"""Refused input kept as dead letters as it comes in, as far as there is room for it."""

import asyncio
import time
from collections.abc import Sequence
from typing import Final

import structlog
from msgspec.structs import asdict
from prometheus_client import Counter
from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from pawsonalize import clock
from pawsonalize.app.adapters import Adapters
from pawsonalize.app.disk_forecast import DiskGrowth, Growth
from pawsonalize.domain.errors import NotReady, PawsonalizeError
from pawsonalize.domain.events import USER
from pawsonalize.domain.times import MINUTE
from pawsonalize.engine.ingest.group_commit import GroupCommit
from pawsonalize.engine.ingest.refusals import HTTP, KeepRefusals, RefusedInput
from pawsonalize.kinds.problems import Problems
from pawsonalize.settings import Settings
from pawsonalize.storage.contexts import in_time
from pawsonalize.storage.sizes import TableSizes
from pawsonalize.wings.dead_letters import DeadLetterSettings
from pawsonalize.wings.dead_letters.letter_replay import LetterReplay
from pawsonalize.wings.dead_letters.letters import DeadLetter, DeadLetters
from pawsonalize.wings.dead_letters.mentions import names_in
from pawsonalize.wings.dead_letters.tables import dead_letters

USUAL_BYTES: Final = 4096
"""Average size of a letter for which there is room."""
# Larger input is not kept, so that nobody can keep us busy with what is no event.
LARGEST: Final = 1024 * 1024

_MOST_AT_ONCE = 2_000  # that wait to be stored: who sends faster is not kept waiting
_MEASURED_SECONDS = 10.0
_FULL_PROBLEM = "keep refused events"
_FULL_FOR = 15 * MINUTE
_KEPT = Counter(
    "pawsonalize_dead_letters_total", "What could not be taken and was kept.", ("source",)
)
_LOST = Counter(
    "pawsonalize_refused_events_lost_total",
    "What /v1/events refused and could not be kept as dead letters; see max_dead_letters.",
)

log = structlog.get_logger()


class Refusals:
    """Keeps refused events as dead letters; those of one moment in one transaction."""

    def __init__(self, letters: DeadLetters, problems: Problems, most: int) -> None:
        """Keep at most so many letters, or as many times `USUAL_BYTES`: then it is a problem."""
        self._letters, self._problems, self._most = letters, problems, most
        self._count, self._bytes, self._measured_until = 0, 0, 0.0
        self._writer = GroupCommit[DeadLetter, bool](
            in_time(self._store), max_waiting=_MOST_AT_ONCE
        )

    async def keep(
        self, refused: Sequence[RefusedInput], *, is_page: bool = False, user_id: str | None = None
    ) -> int:
        """See `RefusalSink.keep`."""
        letters = [DeadLetter(**asdict(one)) for one in refused if len(one.raw) <= LARGEST]
        lost = len(refused) - len(letters)
        if is_page:
            letters = await asyncio.to_thread(_without_others, letters, user_id)
        stored: list[bool] = []
        try:
            if letters:
                stored = await self._writer.submit(letters, letters[0].dataset_group)
        except NotReady:  # too many wait to be stored
            pass
        except PawsonalizeError as error:
            log.warning("refused events not kept", count=len(letters), reason=error.message)
        lost += len(letters) - sum(stored)
        _LOST.inc(lost)
        return lost

    def close(self) -> None:
        """See `RefusalSink.close`."""
        self._writer.close()

    def _store(self, letters: Sequence[DeadLetter]) -> list[bool]:
        # To measure reads every letter, so new ones are counted up for a while.
        if time.monotonic() >= self._measured_until:
            self._count, self._bytes = self._letters.size()
            self._measured_until = time.monotonic() + _MEASURED_SECONDS
        kept = list[DeadLetter]()
        for letter in letters:
            if self._count >= self._most or self._bytes >= self._most * USUAL_BYTES:
                break
            kept.append(letter)
            self._count += 1
            self._bytes += len(letter.raw)
        _KEPT.labels(HTTP).inc(self._letters.keep(kept))
        if len(kept) < len(letters):
            self._report_full()
        return [place < len(kept) for place in range(len(letters))]

    def _report_full(self) -> None:
        message = (
            f"{self._count:,} dead letters wait, and no more are kept of what /v1/events"
            f" refuses: look at them with `pawsonalize dead-letters ls`, replay or remove them, or"
            " raise max_dead_letters"
        )
        self._problems.report(_FULL_PROBLEM, message, clock.now(), within=_FULL_FOR)


def _without_others(letters: Sequence[DeadLetter], user_id: str | None) -> list[DeadLetter]:
    """Return the letters that name no user but this one."""
    # Replay needs no visitor's token, so a page could otherwise speak for others.
    return [
        letter
        for letter in letters
        if all(name == user_id for kind, name in names_in(letter.raw) if kind == USER)
    ]


def refusals(settings: Settings, adapters: Adapters) -> Refusals | None:
    """Return what keeps events that /v1/events refused; None if they are not to be kept."""
    own = settings.part(DeadLetterSettings)
    if not own.keep_refused_events:
        return None
    return Refusals(DeadLetters(adapters.database), adapters.problems, own.max_dead_letters)


def stream_refusals(adapters: Adapters) -> KeepRefusals:
    """Return what keeps refused records of streams, which is always done."""
    letters = DeadLetters(adapters.database)

    def keep(refused: Sequence[RefusedInput]) -> None:
        kept = letters.keep([DeadLetter(**asdict(one)) for one in refused])
        if kept:
            _KEPT.labels(refused[0].source.partition("://")[0]).inc(kept)

    return keep


def gauges(replay: LetterReplay, _now: int) -> list[Metric]:
    """Return the number of letters that wait."""
    name, waiting = "pawsonalize_dead_letters_waiting", replay.letters.waiting()
    return [GaugeMetricFamily(name, "Dead letters that wait.", waiting)]


def growth(measuring: DiskGrowth) -> Growth:
    """Return what a day adds to the table; it is full when the oldest letters are deleted."""
    days = measuring.settings.part(DeadLetterSettings).dead_letter_days
    sizes = TableSizes(measuring.adapters.database)
    new = sizes.bytes_since(dead_letters.c.at, measuring.since)
    return measuring.growth("dead letters", new, days)


GROWTH = (growth,)
