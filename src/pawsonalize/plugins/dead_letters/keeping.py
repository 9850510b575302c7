"""Refused input, kept as dead letters as it comes in, mended, and taken in again."""

import asyncio
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace as with_fields
from functools import partial
from itertools import chain
from typing import Any, Final

import msgspec
from msgspec.structs import asdict, replace
from prometheus_client import Counter
from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from pawsonalize.app.adapters import Adapters
from pawsonalize.app.disk_forecast import DiskGrowth, Growth
from pawsonalize.core import clock
from pawsonalize.core.database.statements import in_time
from pawsonalize.core.errors import InvalidInput, NotReady, PawsonalizeError
from pawsonalize.core.event import USER, Event, owning_group
from pawsonalize.core.forms.decoder import read_json
from pawsonalize.core.logs import get_logger
from pawsonalize.core.times import MINUTE
from pawsonalize.core.work.problems import Problems
from pawsonalize.events.event_form import Origin, Unreadable, read_event, unpack
from pawsonalize.events.group_commit import GroupCommit
from pawsonalize.events.ingest import HTTP, KeepRefusals, RefusedInput, group_at
from pawsonalize.operations.tables import TableSizes
from pawsonalize.plugins.dead_letters import DeadLetterSettings
from pawsonalize.plugins.dead_letters.letters import (
    ALL,
    DeadLetter,
    DeadLetterQuery,
    DeadLetters,
    Letter,
    names_in,
)
from pawsonalize.plugins.dead_letters.tables import dead_letters
from pawsonalize.resources.datasets import DatasetGroup

USUAL_BYTES: Final = 4096
"""Average size of a dead letter for which there is room."""
# Larger input is not kept, so that nobody can keep us busy with what is no event.
LARGEST: Final = 1024 * 1024
MOST_AT_ONCE: Final = 1_000
"""Dead letters that one replay takes in."""

_MOST_WAITING = 2_000  # to be stored: who sends faster is not kept waiting
_MEASURED_SECONDS = 10.0
_STORED_AT_ONCE = 100
_FULL_PROBLEM, _FULL_FOR = "keep refused events", 15 * MINUTE
_KEPT = Counter(
    "pawsonalize_dead_letters_total", "What could not be taken and was kept.", ("source",)
)
_LOST = Counter(
    "pawsonalize_refused_events_lost_total",
    "What /v1/events refused and could not be kept as dead letters; see max_dead_letters.",
)

log = get_logger()


class Refusals:
    """Keeps refused events as dead letters; those of one moment in one transaction."""

    def __init__(self, letters: DeadLetters, problems: Problems, most: int) -> None:
        """Keep at most so many, or as many times `USUAL_BYTES`: then it is a problem."""
        self._letters, self._problems, self._most = letters, problems, most
        self._count, self._bytes, self._measured_until = 0, 0, 0.0
        self._writer = GroupCommit[DeadLetter, bool](
            in_time(self._store), max_waiting=_MOST_WAITING
        )

    async def keep(
        self, refused: Sequence[RefusedInput], *, is_page: bool = False, user_id: str | None = None
    ) -> int:
        """See `RefusalSink.keep`."""
        letters = [DeadLetter(**asdict(event)) for event in refused if len(event.raw) <= LARGEST]
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
        # To measure reads every dead letter, so new ones are counted up for a while.
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
            message = (
                f"{self._count:,} dead letters wait, and no more are kept of what /v1/events"
                f" refuses: look at them with `pawsonalize dead-letters ls`, replay or remove them,"
                " or raise max_dead_letters"
            )
            self._problems.report(_FULL_PROBLEM, message, clock.now(), within=_FULL_FOR)
        return [place < len(kept) for place in range(len(letters))]


def _without_others(letters: Sequence[DeadLetter], user_id: str | None) -> list[DeadLetter]:
    """Return those that name no user but this one."""
    # Replay needs no visitor's token, so a page could otherwise speak for others.
    return [
        letter
        for letter in letters
        if all(name == user_id for kind, name in names_in(letter.raw) if kind == USER)
    ]


def event_refusals(adapters: Adapters) -> Refusals | None:
    """Return what keeps events that /v1/events refused; None if they are not to be kept."""
    own = adapters.settings.part(DeadLetterSettings)
    if not own.keep_refused_events:
        return None
    return Refusals(DeadLetters(adapters.database), adapters.problems, own.max_dead_letters)


def stream_refusals(adapters: Adapters) -> KeepRefusals:
    """Return what keeps refused records of streams, which is always done."""
    letters = DeadLetters(adapters.database)

    def keep(refused: Sequence[RefusedInput]) -> None:
        kept = letters.keep([DeadLetter(**asdict(record)) for record in refused])
        if kept:
            _KEPT.labels(refused[0].source.partition("://")[0]).inc(kept)

    return keep


class ReplayedLetters(msgspec.Struct, frozen=True, rename="camel"):
    """Numbers of events that are stored now, or were before, and the dead letters that are left.

    At most 1,000 dead letters at a time, oldest first: go on with `nextCursor`, until it is null.
    """

    accepted: int
    duplicates: int
    left: tuple[Letter, ...]
    """Itself with its new reason, or one for each part that was refused; empty: all taken."""
    next_cursor: str | None


class Replay:
    """Reads dead letters as what comes in is read, and stores them in their dataset groups."""

    def __init__(self, adapters: Adapters) -> None:
        self.letters = DeadLetters(adapters.database)
        self._adapters = adapters

    def mend(self, letter_id: str, mended: bytes, *, force: bool = False) -> DeadLetter:
        """Mend a dead letter. InvalidInput if it is refused too, unless forced; NotFound."""
        _, left = self._read(replace(self.letters.get(letter_id), mended=mended))
        if left and not force:
            text = f"this could not be taken: {left[0].message}"
            raise InvalidInput(text, field=left[0].field, code=left[0].code)
        return self.letters.mend(letter_id, mended)

    def replay(
        self, query: DeadLetterQuery = ALL, cursor: str | None = None, most: int = MOST_AT_ONCE
    ) -> ReplayedLetters:
        """Take in the oldest that match; what is taken is a dead letter no more."""
        if cursor is None:  # all that are named are there, or nothing is done
            for letter_id in query.letter_ids or ():
                self.letters.get(letter_id)
        page = self.letters.page(most, query, cursor, oldest_first=True)
        new, left = list[bool](), list[Letter]()
        for start in range(0, len(page.letters), _STORED_AT_ONCE):
            letters = page.letters[start : start + _STORED_AT_ONCE]
            events, fates = zip(*map(self._read, letters), strict=True)
            # After a crash, stored events whose dead letters are still there are duplicates.
            new += self._adapters.log.append([*chain(*events)])
            self.letters.settle(fates, letters)
            left += map(Letter.of, chain(*fates))
        return ReplayedLetters(sum(new), len(new) - sum(new), tuple(left), page.next_cursor)

    def _read(self, letter: DeadLetter) -> tuple[list[Event], list[DeadLetter]]:
        """Return the events of a dead letter, and one for each part that is refused."""
        # For a stream's record the id that its consumer gives.
        stream = letter.source.rpartition("/")[2]
        event_id = letter.letter_id if letter.position is None else f"{stream}/{letter.position}"
        group_of = partial(group_at, self._adapters.animals)
        events, refused = list[Event](), list[DeadLetter]()
        try:
            if (
                self._adapters.registry.find(DatasetGroup, owning_group(letter.dataset_group))
                is None
            ):
                raise InvalidInput(
                    f"there is no dataset group {letter.dataset_group} any more: create it, or"
                    " remove the dead letter",
                    code="not_found",
                )
            if not (parts := unpack(letter.newest, Origin(event_id))):
                text = "there are no events in this dead letter: remove it"
                raise InvalidInput(text, field="events")
        except InvalidInput as error:
            return [], [_refused(letter, error)]
        for number, part in enumerate(parts):
            try:
                if isinstance(part, Unreadable):
                    raise part.error
                # Without a time of its own it happened when it first came in; it is received now.
                event = read_event(part, letter.at, group_of, letter.dataset_group)
                events.append(with_fields(event, received_at=clock.now()))
            except InvalidInput as error:
                position = letter.position and f"{letter.position}/{number}"
                own = replace(letter, letter_id=f"{letter.letter_id}-{number}", position=position)
                refused.append(_refused(replace(own, raw=bytes(part.raw), mended=None), error))
        if refused and not events:  # as a whole it is easier to mend
            return [], [_refused(letter, refused[0])]
        return events, refused


def _refused(letter: DeadLetter, reason: InvalidInput | DeadLetter) -> DeadLetter:
    return replace(letter, code=reason.code, message=reason.message, field=reason.field)


_PATH = re.compile(r"(?:[^.\[\]]+|\[\d+\])(?:\.[^.\[\]]+|\[\d+\])*")
_STEP = re.compile(r"\[(\d+)\]|([^.\[\]]+)")
_OF_ENVELOPES = frozenset({"Data", "Partitionkey"})


def with_values(body: bytes, values: Mapping[str, str], without: Iterable[str] = ()) -> bytes:
    """Set values and leave fields out; InvalidInput names a path that is not there.

    A value is JSON, or else text. Paths go into an envelope's `Data` by themselves.
    """
    document = read_json(body)
    for path, text in values.items():
        parent, last = _place(document, path)
        try:
            parent[last] = msgspec.json.decode(text)
        except (msgspec.MsgspecError, RecursionError):
            parent[last] = text
    for path in without:
        parent, last = _place(document, path)
        if not isinstance(parent, dict) or last not in parent:
            raise _no_place(path)
        del parent[last]
    return msgspec.json.encode(document)


def _place(document: Any, path: str) -> tuple[Any, object]:
    """Return the object or list that a path leads into, and the field or index there."""
    if not _PATH.fullmatch(path):
        raise InvalidInput(f"{path} is no path: write such as events[0].sessionId", field=path)
    steps = [name or int(number) for number, name in _STEP.findall(path)]
    here = document
    for number, step in enumerate(steps):
        if number:
            last = steps[number - 1]
            here = here.setdefault(last, {}) if isinstance(last, str) else here[last]
        if isinstance(here, dict) and isinstance(here.get("Data"), dict):
            here = here if step in _OF_ENVELOPES else here["Data"]
        is_fitting = isinstance(here, dict if isinstance(step, str) else list)
        if not is_fitting or (isinstance(step, int) and step >= len(here)):
            raise _no_place(path)
    return here, steps[-1]


def _no_place(path: str) -> InvalidInput:
    text = f"there is no {path} in this dead letter: give all of it instead"
    return InvalidInput(text, field=path)


def started(adapters: Adapters, _services: object) -> Replay:
    """Return the replay and its dead letters, which operations, pages and metrics share."""
    return Replay(adapters)


def gauges(replay: Replay, _now: int) -> list[Metric]:
    """Return the number of dead letters that wait."""
    name, waiting = "pawsonalize_dead_letters_waiting", replay.letters.waiting()
    return [GaugeMetricFamily(name, "Dead letters that wait.", waiting)]


def growth(measuring: DiskGrowth) -> Growth:
    """Return what a day adds to the table; it is full when the oldest dead letters are deleted."""
    days = measuring.settings.part(DeadLetterSettings).dead_letter_days
    new = TableSizes(measuring.adapters.database).bytes_since(dead_letters.c.at, measuring.since)
    return measuring.growth("dead letters", new, days)


GROWTH = (growth,)
