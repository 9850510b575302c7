"""`pawsonalize events tail`: what comes in, as it comes in."""

import time
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from pawsonalize.cli.answers import Session, User
from pawsonalize.cli.opening import opened
from pawsonalize.cli.options import DataDir, Json
from pawsonalize.domain.times import iso
from pawsonalize.settings import load_settings

if TYPE_CHECKING:
    from pawsonalize.app.adapters import Adapters
    from pawsonalize.domain.events import Event
    from pawsonalize.wings.dead_letters.letters import DeadLetter

_LOOK_SECONDS = 0.5
_AT_ONCE = 500


def tail(
    *,
    lines: Annotated[
        int, typer.Option("--lines", min=0, max=500, help="How many of before to begin with.")
    ] = 10,
    follow: Annotated[bool, typer.Option(help="Go on until Ctrl-C, else end at once.")] = True,
    user: User = None,
    session: Session = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Show events as they are stored, and what is refused with the reason; Ctrl-C ends it.

    Reads the tables, so it works beside any server, for HTTP and streams alike. With --user or
    --session, only stored events of theirs.

    Example: pawsonalize events tail --lines 20 --no-follow
    """
    whose = {"user_id": user, "session_id": session}
    wanted = {name: one for name, one in whose.items() if one is not None}
    with opened(load_settings({"data_dir": data_dir})) as adapters, suppress(KeyboardInterrupt):
        arrivals = _Arrivals(adapters, lines)
        while True:
            for event in arrivals.events():
                if all(getattr(event, name) == one for name, one in wanted.items()):
                    print(_stored_json(event) if json else _stored(event), flush=True)
            for letter in () if wanted else arrivals.refused():
                print(_refused_json(letter) if json else _refused(letter), flush=True)
            if not follow:
                return
            time.sleep(_LOOK_SECONDS)


class _Arrivals:
    """What came in since the last look; the first look finds some of before, too."""

    def __init__(self, adapters: "Adapters", lines: int) -> None:
        self._adapters = adapters
        self._lines: int | None = lines
        self._offset = max(0, adapters.log.head() - lines)
        self._since = 0
        self._seen: set[str] = set()

    def events(self) -> "Iterator[Event]":
        """Stored events, in the order of the log."""
        log = self._adapters.log
        head = log.head()
        while self._offset < head and (found := log.read(self._offset, head, _AT_ONCE)):
            for one in found:
                yield one.event
            self._offset = found[-1].offset

    def refused(self) -> "list[DeadLetter]":
        """Dead letters, oldest first; of a flood, the newest."""
        from pawsonalize.wings.dead_letters.letter_table import LetterQuery

        query = LetterQuery(since=self._since)
        found = self._adapters.dead_letters.page(_AT_ONCE, query).letters
        new = [one for one in found if one.letter_id not in self._seen][: self._lines]
        self._lines = None
        self._seen = {one.letter_id for one in found}
        self._since = max((one.at for one in found), default=self._since)
        return new[::-1]


def _stored(event: "Event") -> str:
    told = (
        ("user", event.user_id),
        ("session", event.session_id),
        ("animal", event.animal_id),
        ("group", event.item_id),
    )
    parts = "  ".join(f"{name} {value}" for name, value in told if value is not None)
    return f"{iso(event.received_at)}  stored   {event.event_type}  {_printable(parts)}"


def _refused(letter: "DeadLetter") -> str:
    where = "" if letter.field is None else f"{letter.field}: "
    return (
        f"{iso(letter.at)}  refused  {_printable(where + letter.message)}"
        f"  (pawsonalize dead-letters show {letter.letter_id})"
    )


def _printable(text: str) -> str:
    """Without what would move the cursor or colour the terminal: senders choose their ids."""
    return "".join(one if one.isprintable() else "?" for one in text)


def _stored_json(event: "Event") -> str:
    from pawsonalize.http.history import past_event

    return msgspec.json.encode({"stored": past_event(event)}).decode()


def _refused_json(letter: "DeadLetter") -> str:
    told = {
        "letterId": letter.letter_id,
        "at": iso(letter.at),
        "source": letter.source,
        "code": letter.code,
        "field": letter.field,
        "message": letter.message,
    }
    return msgspec.json.encode({"refused": told}).decode()
