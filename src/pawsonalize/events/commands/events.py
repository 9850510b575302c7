"""`pawsonalize events` and `history`: events that come in, those of a visitor, and made-up ones."""

import sys
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from pawsonalize.app.cli import options
from pawsonalize.app.cli.opening import dataset_group_of, opened
from pawsonalize.app.cli.terminal import print_listing, print_result, printable, progress, say
from pawsonalize.app.ports import DEFAULT_STREAM, REFUSED_LINES
from pawsonalize.app.settings import load_settings
from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.times import iso, parse_moment

if TYPE_CHECKING:
    from pawsonalize.app.sending import Sent
    from pawsonalize.core.event import Event
    from pawsonalize.events.history import HistoryPage

app = options.command_group("Events: watched as they come in, made up, and sent to try things out.")

_LOOK_SECONDS = 0.5
_AT_ONCE = 500
_COLUMNS = ("sent", "type", "user", "session", "animal", "group", "value", "led to by")


@app.command("tail")
def tail(
    *,
    lines: Annotated[
        int, typer.Option(min=0, max=500, help="Number of earlier events to begin with.")
    ] = 10,
    follow: Annotated[bool, typer.Option(help="Go on until Ctrl-C, else end at once.")] = True,
    user: options.User = None,
    session: options.Session = None,
    data_dir: options.DataDir = None,
    json: options.Json = False,
) -> None:
    """Show events as they are stored, and what is refused with the reason; Ctrl-C ends it.

    Reads the tables, so it works beside any server, for HTTP and streams alike. With --user or
    --session, only stored events of theirs.

    Example: pawsonalize events tail --lines 20 --no-follow
    """
    owner = {"user_id": user, "session_id": session}
    wanted = {name: one for name, one in owner.items() if one is not None}
    with opened(data_dir) as adapters, suppress(KeyboardInterrupt):
        log, refused = adapters.log, REFUSED_LINES(adapters, lines)
        offset = max(0, log.head() - lines)
        while True:
            head = log.head()
            while offset < head and (found := log.read(offset, head, _AT_ONCE)):
                offset = found[-1].offset
                for event in (one.event for one in found):
                    if all(getattr(event, name) == one for name, one in wanted.items()):
                        print(_stored_json(event) if json else _stored(event), flush=True)
            for line in () if wanted or refused is None else refused(json):
                print(line, flush=True)
            if not follow:
                return
            time.sleep(_LOOK_SECONDS)


def _stored(event: "Event") -> str:
    ids = {"user": event.user_id, "session": event.session_id}
    ids |= {"animal": event.animal_id, "group": event.item_id}
    parts = "  ".join(f"{name} {value}" for name, value in ids.items() if value is not None)
    return f"{iso(event.received_at)}  stored   {event.event_type}  {printable(parts)}"


def _stored_json(event: "Event") -> str:
    from pawsonalize.events.history import past_event

    return msgspec.json.encode({"stored": past_event(event)}).decode()


@app.command("send")
def send(
    file: Annotated[Path, typer.Argument(help="JSON Lines, an event each; - reads stdin.")],
    to: Annotated[
        str | None,
        typer.Option(
            help="A stream's URL, or the service's, such as http://127.0.0.1:8080.",
            show_default="the setting stream_url",
        ),
    ] = None,
    rate: Annotated[float, typer.Option(min=0, help="Events a second; 0: as fast as it goes.")] = 0,
    repeat: Annotated[int, typer.Option(min=1, help="Number of times to send it.")] = 1,
    create: Annotated[
        bool, typer.Option("--create", help="Make the stream if it is missing.")
    ] = False,
    key: Annotated[str, typer.Option(envvar="ACCESS_KEY", help="The service's access key.")] = "",
    json: options.Json = False,
) -> None:
    """Send the events of a file. A stream keeps the order of each user, or else of each session.

    Example: pawsonalize events send events.jsonl --to nats://localhost:4222/EVENTS --create
    """
    from pawsonalize.app.sending import Sender

    if not (to := to or DEFAULT_STREAM(load_settings())):
        raise InvalidInput("say where to: --to, with a stream's URL or the service's", field="to")
    if str(file) != "-" and not file.is_file():
        raise InvalidInput(f"there is no file {file}: make one with `pawsonalize events sample`")
    with closing(Sender(to, key=key, rate=rate, create=create)) as sender, progress("sent") as bar:
        for sent in sender.send(_lines(file, repeat)):
            bar(sent, 0)
    print_result(sender.sent, json, _print_sent)
    for warning in sender.sent.warnings:
        say(f"  {warning}", "yellow")
    if sender.sent.refused:
        raise typer.Exit(1)


def _print_sent(sent: "Sent") -> None:
    print(f"{sent.events:,} events sent, {sent.refused:,} of them refused")
    for reason in dict.fromkeys(sent.reasons[:10]):
        print(f"  {reason}")


def _lines(file: Path, repeat: int) -> Iterator[bytes]:
    if str(file) == "-":
        if repeat > 1:
            raise InvalidInput("stdin can be read once: send a file to repeat it")
        yield from sys.stdin.buffer
        return
    for _ in range(repeat):
        with file.open("rb") as lines:
            yield from lines


def history(
    *,
    user: options.User = None,
    session: options.Session = None,
    event_type: Annotated[str | None, typer.Option("--type", help="Only events so called.")] = None,
    since: Annotated[str | None, typer.Option(help="Only what was sent then or later.")] = None,
    until: Annotated[str | None, typer.Option(help="Only what was sent before.")] = None,
    limit: Annotated[int, typer.Option(help="At most so many, 1 to 500.")] = 50,
    cursor: Annotated[
        str | None, typer.Option(help="The next page: what the last one ended with.")
    ] = None,
    dataset_group: options.DatasetGroupName = None,
    data_dir: options.DataDir = None,
    json: options.Json = False,
) -> None:
    """Show what a visitor did, newest first: of a user, the sessions that became theirs too.

    Example: pawsonalize history --user ann --limit 20
    """
    from pawsonalize.events.history import History, history_page, past_event, read_cursor
    from pawsonalize.events.tables.event_reads import HistoryQuery

    if (user is None) is (session is None):
        raise InvalidInput("say whose history: --user or --session")
    query = HistoryQuery(
        limit=limit,
        before=None if cursor is None else read_cursor(cursor),
        event_type=event_type,
        since=None if since is None else parse_moment(since, "--since"),
        until=None if until is None else parse_moment(until, "--until"),
    )
    with opened(data_dir) as adapters:
        log = adapters.log.of(dataset_group_of(adapters, dataset_group))
        page = history_page(log, options.visitor_of(user, session), query)
    if json:
        events = [past_event(one.event) for one in page.events]
        print(msgspec.json.encode(History(events, page.next_cursor)).decode())
    else:
        _print_history(page, user or session or "")


def _print_history(page: "HistoryPage", owner: str) -> None:
    if not page.events:
        print(f"{owner} has no events that fit")
        return
    print_listing(_COLUMNS, (_row(one.event) for one in page.events))
    if page.next_cursor is not None:
        print(f"there are more: --cursor {page.next_cursor}")


def _row(event: "Event") -> tuple[str, ...]:
    value = "-" if event.event_value is None else f"{event.event_value:g}"
    ids = (event.user_id, event.session_id, event.animal_id, event.item_id)
    shown = (one or "-" for one in ids)
    return iso(event.sent_at), event.event_type, *shown, value, event.recommendation_id or "-"
