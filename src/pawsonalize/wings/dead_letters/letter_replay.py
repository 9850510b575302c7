"""Takes dead letters in again: as they came in, or as they were mended."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import Any

import msgspec

from pawsonalize import clock
from pawsonalize.app.adapters import Adapters
from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.events import Event, owning_group
from pawsonalize.engine.ingest.decoder import read_json
from pawsonalize.engine.ingest.event_form import read_event
from pawsonalize.engine.ingest.events import group_at
from pawsonalize.engine.ingest.payloads import Origin, Part, Unreadable, unpack
from pawsonalize.kinds.datasets import DatasetGroup
from pawsonalize.wings.dead_letters.letters import ALL, DeadLetter, DeadLetters, Letter, LetterQuery

_PATH = re.compile(r"(?:[^.\[\]]+|\[\d+\])(?:\.[^.\[\]]+|\[\d+\])*")
_STEP = re.compile(r"\[(\d+)\]|([^.\[\]]+)")
_OF_ENVELOPES = frozenset({"Data", "Partitionkey"})
MOST_AT_ONCE = 1_000
_STORED_AT_ONCE = 100


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


def _place(document: Any, path: str) -> tuple[Any, Any]:
    """Return the object or list that a path leads into, and the field or index there."""
    if not _PATH.fullmatch(path):
        raise InvalidInput(f"{path} is no path: write such as events[0].sessionId", field=path)
    *way, last = (name or int(number) for number, name in _STEP.findall(path))
    here = document
    for step in way:
        parent = _parent(here, step, path)
        here = parent.setdefault(step, {}) if isinstance(step, str) else parent[step]
    return _parent(here, last, path), last


def _parent(here: Any, step: str | int, path: str) -> Any:
    """Return the object or list that a step is taken from: of an envelope, its `Data`."""
    if isinstance(here, dict) and isinstance(here.get("Data"), dict):
        here = here if step in _OF_ENVELOPES else here["Data"]
    fits = isinstance(here, dict if isinstance(step, str) else list)
    if not fits or (isinstance(step, int) and step >= len(here)):
        raise _no_place(path)
    return here


def _no_place(path: str) -> InvalidInput:
    return InvalidInput(f"there is no {path} in this letter: give all of it instead", field=path)


class ReplayedLetters(msgspec.Struct, frozen=True, rename="camel"):
    """Numbers of events that are stored now, or were before, and the letters that are left.

    At most 1,000 letters at a time, oldest first: go on with `nextCursor`, until it is null.
    """

    accepted: int
    duplicates: int
    left: tuple[Letter, ...]
    """Itself with its new reason, or a letter for each part that was refused; empty: all taken."""
    next_cursor: str | None

    def __add__(self, later: "ReplayedLetters") -> "ReplayedLetters":
        """Return the result of both, one after the other."""
        return ReplayedLetters(
            self.accepted + later.accepted,
            self.duplicates + later.duplicates,
            self.left + later.left,
            later.next_cursor,
        )


class LetterReplay:
    """Reads letters as what comes in is read, and stores them in their dataset groups."""

    def __init__(self, adapters: Adapters) -> None:
        self.letters = DeadLetters(adapters.database)
        self._adapters = adapters

    def check(self, letter: DeadLetter) -> list[DeadLetter]:
        """Return what would be left of a letter if it were replayed now; nothing is stored."""
        return self._read(letter)[1]

    def mend(self, letter_id: str, mended: bytes, *, force: bool = False) -> DeadLetter:
        """Mend a letter. NotFound without it; InvalidInput if it is refused too, unless forced."""
        left = self.check(msgspec.structs.replace(self.letters.get(letter_id), mended=mended))
        if left and not force:
            text = f"this could not be taken: {left[0].message}"
            raise InvalidInput(text, field=left[0].field, code=left[0].code)
        return self.letters.mend(letter_id, mended)

    def replay(
        self, query: LetterQuery = ALL, cursor: str | None = None, most: int = MOST_AT_ONCE
    ) -> ReplayedLetters:
        """Take the oldest letters that match in; what is taken is a letter no more."""
        if cursor is None:  # all that are named are there, or nothing is done
            for letter_id in query.letter_ids or ():
                self.letters.get(letter_id)
        page = self.letters.page(most, query, cursor, oldest_first=True)
        new, left = list[bool](), list[Letter]()
        for start in range(0, len(page.letters), _STORED_AT_ONCE):
            letters = page.letters[start : start + _STORED_AT_ONCE]
            events, fates = zip(*map(self._read, letters), strict=True)
            # After a crash, stored events whose letters are still there are duplicates.
            new += self._adapters.log.append([*chain(*events)])
            self.letters.settle(fates, letters)
            left += map(Letter.of, chain(*fates))
        return ReplayedLetters(sum(new), len(new) - sum(new), tuple(left), page.next_cursor)

    def _read(self, letter: DeadLetter) -> tuple[list[Event], list[DeadLetter]]:
        """Return the events of a letter, and a letter for each part that is refused."""
        events, refused = list[Event](), list[DeadLetter]()
        try:
            for number, part in enumerate(self._parts(letter)):
                try:
                    events.append(self._event(letter, part))
                except InvalidInput as error:
                    refused.append(_refused(letter.part(number, bytes(part.raw)), error))
        except InvalidInput as error:
            return [], [_refused(letter, error)]
        if refused and not events:  # as a whole it is easier to mend
            return [], [_refused(letter, refused[0])]
        return events, refused

    def _parts(self, letter: DeadLetter) -> list[Part]:
        group = owning_group(letter.dataset_group)
        if self._adapters.registry.find(DatasetGroup, group) is None:
            raise InvalidInput(
                f"there is no dataset group {letter.dataset_group} any more: create it, or"
                " remove the letter",
                code="not_found",
            )
        if not (parts := unpack(letter.newest, Origin(letter.event_id))):
            raise InvalidInput("there are no events in this letter: remove it", field="events")
        return parts

    def _event(self, letter: DeadLetter, part: Part) -> Event:
        if isinstance(part, Unreadable):
            raise part.error
        # Without a time of its own it happened when it first came in; it is received now.
        group_of = partial(group_at, self._adapters.animals)
        event = read_event(part, letter.at, group_of, letter.dataset_group)
        return replace(event, received_at=clock.now())


def _refused(letter: DeadLetter, reason: InvalidInput | DeadLetter) -> DeadLetter:
    return msgspec.structs.replace(
        letter, code=reason.code, message=reason.message, field=reason.field
    )


def started(_settings: object, adapters: Adapters, _services: object) -> LetterReplay:
    """Return the replay and its letters, which operations, pages and metrics share."""
    return LetterReplay(adapters)
