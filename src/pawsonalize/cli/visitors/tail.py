"""`pawsonalize events tail`: what comes in, as it comes in."""

import time
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from pawsonalize.cli.opening import opened
from pawsonalize.cli.options import DataDir, Json
from pawsonalize.cli.visitors.answers import Session, User
from pawsonalize.domain.times import iso
from pawsonalize.settings import load_settings
from pawsonalize.wing import offered

if TYPE_CHECKING:
    from pawsonalize.app.adapters import Adapters
    from pawsonalize.domain.events import Event

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
    owner = {"user_id": user, "session_id": session}
    wanted = {name: one for name, one in owner.items() if one is not None}
    with opened(load_settings({"data_dir": data_dir})) as adapters, suppress(KeyboardInterrupt):
        arrivals, refused = _Arrivals(adapters, lines), offered("refused_tail", adapters, lines)
        while True:
            for event in arrivals.events():
                if all(getattr(event, name) == one for name, one in wanted.items()):
                    print(_stored_json(event) if json else _stored(event), flush=True)
            for line in () if wanted or refused is None else refused.lines(json=json):
                print(line, flush=True)
            if not follow:
                return
            time.sleep(_LOOK_SECONDS)


class _Arrivals:
    """Stored events since the last look; the first look finds some of before, too."""

    def __init__(self, adapters: "Adapters", lines: int) -> None:
        self._log = adapters.log
        self._offset = max(0, adapters.log.head() - lines)

    def events(self) -> "Iterator[Event]":
        """Yield them in the order of the log."""
        head = self._log.head()
        while self._offset < head and (found := self._log.read(self._offset, head, _AT_ONCE)):
            for one in found:
                yield one.event
            self._offset = found[-1].offset


def _stored(event: "Event") -> str:
    fields = (
        ("user", event.user_id),
        ("session", event.session_id),
        ("animal", event.animal_id),
        ("group", event.item_id),
    )
    parts = "  ".join(f"{name} {value}" for name, value in fields if value is not None)
    return f"{iso(event.received_at)}  stored   {event.event_type}  {printable(parts)}"


def printable(text: str) -> str:
    """Without what would move the cursor or colour the terminal: senders choose their ids."""
    return "".join(one if one.isprintable() else "?" for one in text)


def _stored_json(event: "Event") -> str:
    from pawsonalize.http.history import past_event

    return msgspec.json.encode({"stored": past_event(event)}).decode()
