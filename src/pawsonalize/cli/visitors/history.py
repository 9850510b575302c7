"""`pawsonalize history`: what a visitor did, newest first."""

from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from pawsonalize.cli.opening import dataset_group_of, opened
from pawsonalize.cli.options import DataDir, DatasetGroupName, Json
from pawsonalize.cli.terminal import print_listing
from pawsonalize.cli.visitors.answers import Session, User, visitor_of
from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.times import parse_moment
from pawsonalize.settings import load_settings

if TYPE_CHECKING:
    from pawsonalize.engine.ingest.history import HistoryPage


def history(
    *,
    user: User = None,
    session: Session = None,
    event_type: Annotated[str | None, typer.Option("--type", help="Only events so called.")] = None,
    since: Annotated[str | None, typer.Option(help="Only what was sent then or later.")] = None,
    until: Annotated[str | None, typer.Option(help="Only what was sent before.")] = None,
    limit: Annotated[int, typer.Option(help="How many, 1 to 500.")] = 50,
    cursor: Annotated[
        str | None, typer.Option(help="The next page: what the last one ended with.")
    ] = None,
    dataset_group: DatasetGroupName = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Show what a visitor did, newest first: of a user, the sessions that became theirs too.

    Example: pawsonalize history --user ann --limit 20
    """
    from pawsonalize.engine.ingest.history import history_page, read_cursor
    from pawsonalize.http.history import History, past_event
    from pawsonalize.storage.events.histories import HistoryQuery

    if (user is None) is (session is None):
        raise InvalidInput("say whose history: --user or --session")
    query = HistoryQuery(
        limit=limit,
        before=None if cursor is None else read_cursor(cursor),
        event_type=event_type,
        since=None if since is None else parse_moment(since, "--since"),
        until=None if until is None else parse_moment(until, "--until"),
    )
    settings = load_settings({"data_dir": data_dir})
    with opened(settings) as adapters:
        log = adapters.log.of(dataset_group_of(adapters, settings, dataset_group))
        page = history_page(log, visitor_of(user, session), query)
    if json:
        events = [past_event(one.event) for one in page.events]
        print(msgspec.json.encode(History(events, page.next_cursor)).decode())
        return
    _print(page, user or session or "")


def _print(page: "HistoryPage", owner: str) -> None:
    from pawsonalize.cli.visitors.event_rows import COLUMNS, event_row

    if not page.events:
        print(f"{owner} has no events that fit")
        return
    print_listing(COLUMNS, (event_row(one.event) for one in page.events))
    if page.next_cursor is not None:
        print(f"there are more: --cursor {page.next_cursor}")
