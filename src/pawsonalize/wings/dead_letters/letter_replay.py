"""Takes dead letters in again: as they came in, or as they were mended."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.events import Event
from pawsonalize.engine.ingest.decoder import read_json
from pawsonalize.engine.ingest.event_form import GroupOfAnimal, read_event
from pawsonalize.engine.ingest.payloads import Origin, Part, Unreadable, unpack
from pawsonalize.wings.dead_letters.dead_letters import ALL, DeadLetters, LetterQuery, place_of
from pawsonalize.wings.dead_letters.letters import DeadLetter, Letter, letter_answer

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
        parent[last] = _value(text)
    for path in without:
        parent, last = _place(document, path)
        if not isinstance(parent, dict) or last not in parent:
            raise _no_place(path)
        del parent[last]
    return msgspec.json.encode(document)


def _place(document: Any, path: str) -> tuple[Any, Any]:
    if not _PATH.fullmatch(path):
        raise InvalidInput(f"{path} is no path: write such as events[0].sessionId", field=path)
    steps = [name or int(number) for number, name in _STEP.findall(path)]
    here = document
    for place, step in enumerate(steps):
        is_envelope = isinstance(here, dict) and isinstance(here.get("Data"), dict)
        if is_envelope and step not in _OF_ENVELOPES:
            here = here["Data"]
        fits = isinstance(here, dict if isinstance(step, str) else list)
        if not fits or (isinstance(step, int) and step >= len(here)):
            raise _no_place(path)
        if place == len(steps) - 1:
            return here, step
        here = here.setdefault(step, {}) if isinstance(step, str) else here[step]
    raise _no_place(path)


def _no_place(path: str) -> InvalidInput:
    return InvalidInput(f"there is no {path} in this letter: give all of it instead", field=path)


def _value(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.MsgspecError, RecursionError):
        return text


class LetterReceipt(msgspec.Struct, frozen=True):
    """Result for a letter, or for several: events that are stored now, and what is left."""

    accepted: int
    duplicates: int
    left: tuple[Letter, ...]
    """Itself with its new reason, or a letter for each part that was refused; empty: all taken."""

    @classmethod
    def sum(cls, receipts: Iterable["LetterReceipt"]) -> "LetterReceipt":
        """Return the receipt of several letters."""
        each = list(receipts)
        return cls(
            sum(one.accepted for one in each),
            sum(one.duplicates for one in each),
            tuple(left for one in each for left in one.left),
        )


class _Read(msgspec.Struct, frozen=True):
    letter: DeadLetter
    events: list[Event]
    left: list[DeadLetter]


class LetterReplay(msgspec.Struct, frozen=True):
    """Reads letters as what comes in is read, and stores them in their dataset groups."""

    letters: DeadLetters
    store: Callable[[Sequence[Event]], list[bool]]
    """Stores events durably; a flag for each, False if its id was there."""
    group_of: GroupOfAnimal
    has_group: Callable[[str], bool]
    """True if there is a dataset group of that name."""
    now: Callable[[], int]

    def check(self, letter: DeadLetter) -> list[DeadLetter]:
        """Return what would be left of a letter if it were replayed now; nothing is stored."""
        return self._read(letter).left

    def mend(self, letter_id: str, mended: bytes, *, force: bool = False) -> DeadLetter:
        """Mend a letter. NotFound without it; InvalidInput if it is refused too, unless forced."""
        letter = msgspec.structs.replace(self.letters.get(letter_id), mended=mended)
        for left in self.check(letter):
            if not force:
                raise InvalidInput(
                    f"this could not be taken: {left.message}", field=left.field, code=left.code
                )
        return self.letters.mend(letter_id, mended)

    def replay(self, letters: Sequence[DeadLetter]) -> Iterator[LetterReceipt]:
        """Take letters in, in that order; what is taken is a letter no more."""
        # After a crash, stored events whose letters are still there are duplicates.
        for start in range(0, len(letters), _STORED_AT_ONCE):
            read = [self._read(one) for one in letters[start : start + _STORED_AT_ONCE]]
            stored = iter(self.store([event for one in read for event in one.events]))
            flags = [[next(stored) for _ in one.events] for one in read]
            self.letters.settle([one.left for one in read], [one.letter for one in read])
            for one, new in zip(read, flags, strict=True):
                left = tuple(map(letter_answer, one.left))
                yield LetterReceipt(sum(new), len(new) - sum(new), left)

    def replay_matching(
        self, query: LetterQuery = ALL, after: tuple[int, str] | None = None
    ) -> tuple[list[LetterReceipt], tuple[int, str] | None]:
        """Take the oldest 1,000 letters in that match, and where to go on; None: that was all."""
        found = self.letters.oldest(MOST_AT_ONCE, query, after)
        last = place_of(found[-1]) if len(found) == MOST_AT_ONCE else None
        return list(self.replay(found)), last

    def _read(self, letter: DeadLetter) -> _Read:
        try:
            if not self.has_group(letter.dataset_group):
                raise InvalidInput(
                    f"there is no dataset group {letter.dataset_group} any more: create it, or"
                    " remove the letter",
                    code="not_found",
                )
            parts = unpack(letter.newest, Origin(letter.event_id))
            if not parts:
                raise InvalidInput("there are no events in this letter: remove it", field="events")
        except InvalidInput as error:
            return _Read(letter, [], [_refused(letter, error)])
        events, refused = [], []
        for number, one in enumerate(parts):
            try:
                events.append(self._event(letter, one))
            except InvalidInput as error:
                refused.append((letter.part(number, bytes(one.raw)), error))
        if refused and not events:  # as a whole it is easier to mend
            return _Read(letter, [], [_refused(letter, refused[0][1])])
        return _Read(letter, events, [_refused(one, error) for one, error in refused])

    def _event(self, letter: DeadLetter, part: Part) -> Event:
        if isinstance(part, Unreadable):
            raise part.error
        # Without a time of its own it happened when it first came in; it is received now.
        event = read_event(part, letter.at, self.group_of, letter.dataset_group)
        return replace(event, received_at=self.now())


def _refused(letter: DeadLetter, error: InvalidInput) -> DeadLetter:
    return msgspec.structs.replace(
        letter, code=error.code, message=error.message, field=error.field
    )
