"""Refused events as `pawsonalize events tail` shows them."""

from collections.abc import Iterator

import msgspec

from pawsonalize.app.adapters import Adapters
from pawsonalize.cli.events import printable
from pawsonalize.domain.times import iso
from pawsonalize.wings.dead_letters.composition import letters_of
from pawsonalize.wings.dead_letters.letter_table import LetterQuery
from pawsonalize.wings.dead_letters.letters import DeadLetter

_AT_ONCE = 500


class RefusedTail:
    """Refused events since the last look; the first look finds some of before, too."""

    def __init__(self, adapters: Adapters, lines: int) -> None:
        self._letters = letters_of(adapters)
        self._lines: int | None = lines
        self._since = 0
        self._seen: set[str] = set()

    def lines(self, *, json: bool) -> Iterator[str]:
        """Yield a line for each, oldest first; of a flood, the newest."""
        found = self._letters.page(_AT_ONCE, LetterQuery(since=self._since)).letters
        new = [one for one in found if one.letter_id not in self._seen][: self._lines]
        self._lines = None
        self._seen = {one.letter_id for one in found}
        self._since = max((one.at for one in found), default=self._since)
        return map(_as_json if json else _as_text, reversed(new))


def _as_text(letter: DeadLetter) -> str:
    where = "" if letter.field is None else f"{letter.field}: "
    return (
        f"{iso(letter.at)}  refused  {printable(where + letter.message)}"
        f"  (pawsonalize dead-letters show {letter.letter_id})"
    )


def _as_json(letter: DeadLetter) -> str:
    shown = {
        "letterId": letter.letter_id,
        "at": iso(letter.at),
        "source": letter.source,
        "code": letter.code,
        "field": letter.field,
        "message": letter.message,
    }
    return msgspec.json.encode({"refused": shown}).decode()
