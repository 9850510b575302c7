"""Feeds on the console: the newest import of each, and the meanings of unknown values."""

from collections.abc import Iterator

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from pawsonalize.app.pages.happenings import Happening, Happenings
from pawsonalize.app.pages.shell import Link
from pawsonalize.app.pages.views import Confirmation, Done, PageAction, View, ViewQuery
from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.fetch import safe_address as shown_address
from pawsonalize.core.forms.decoder import Form
from pawsonalize.core.http.json import read_form, report_of
from pawsonalize.core.http.operation import About, Operations, RequestParameter
from pawsonalize.core.scopes import OPERATOR, SITE
from pawsonalize.core.times import iso
from pawsonalize.operations.services import services_of
from pawsonalize.plugins.feeds.importing import (
    FILES,
    MOST_ROWS,
    FeedReport,
    NewestImport,
    find_newest_import,
)
from pawsonalize.plugins.feeds.mapping import MEANINGS, Meanings, ValueMapping, most_frequent
from pawsonalize.plugins.feeds.polling import FeedState, Fetching, ListedFeed
from pawsonalize.resources.registry import Registry

INVENTORY = "/console/animals"
FEEDS, _MEANING_PAGE = f"{INVENTORY}/feeds", f"{INVENTORY}/meaning"
_FETCHED = (
    "A feed of that source is fetched again within a minute. Files count when they are imported"
    " again."
)
_FETCHED_LATER = "That counts when the source is fetched or imported next."


class UnrecognisedValue(msgspec.Struct, frozen=True, rename="camel"):
    """A value that nobody knows, as it is written, and how many rows had it.

    `meaning` is what was said of it since; it counts at the next import.
    """

    field: str
    value: str
    rows: int
    meaning: str | None


class LeftOutRow(msgspec.Struct, frozen=True, rename="camel"):
    """A row of a feed that was left out. `place` is its line, or its number in the file, from 1."""

    place: int
    animal_id: str | None
    reason: str


class FeedNews(msgspec.Struct, frozen=True, rename="camel"):
    """The result of an import, and the first 20 of the rows that it refused.

    `kept` are listed animals that were not found in it, and may be in a row that cannot be read.
    """

    at: str
    rows: int
    created: int
    updated: int
    unchanged: int
    removed: int
    kept: int
    rejected: int
    first_rejected: list[LeftOutRow]
    notes: tuple[str, ...]


class ConsoleFeed(msgspec.Struct, frozen=True, rename="camel"):
    """A feed, where it comes from, and the result of its newest import.

    `name` is `files` for what was imported from files of that source; such have no address and no
    schedule. `said` is how the last attempt ended; `failed` whether it failed.
    """

    name: str
    source: str
    address: str | None
    schedule: str | None
    looked_at: str | None
    imported_at: str | None = msgspec.field(name="takenAt")
    failed: bool
    result: str = msgspec.field(name="said")
    newest: FeedNews | None
    unrecognised: list[UnrecognisedValue]


class FeedList(msgspec.Struct, frozen=True):
    """All feeds of the feeds file, and what was imported from files."""

    feeds: list[ConsoleFeed]


def feed_list(query: ViewQuery) -> FeedList:
    """Report on the feeds, and on what came of each last."""
    fetching: Fetching = query.plugins["feeds"]
    registry = query.services.registry
    listed = [_feed(name, feed, registry) for name, feed in fetching.polling.feeds.items()]
    files = (one for one in registry.all(NewestImport) if one.origin == FILES)
    return FeedList(listed + [_files(one, registry) for one in files])


def find_imports(query: ViewQuery) -> Iterator[Happening]:
    """Yield the newest import of each feed and of files."""
    for one in query.services.registry.all(NewestImport):
        changes = f"{one.created:,} new, {one.updated:,} changed, {one.removed:,} removed"
        source = f" of {one.source}" if one.source else ""
        yield Happening(iso(one.at), f"Import{source}: {changes}", page=FEEDS)


def _feed(name: str, feed: ListedFeed, registry: Registry) -> ConsoleFeed:
    state, how = registry.find(FeedState, name) or FeedState(name=name), feed.source.how
    newest = find_newest_import(registry, name, how.source)
    mapping = how.with_meanings(registry).mapping
    return ConsoleFeed(
        name,
        how.source,
        shown_address(feed.source.url),
        feed.schedule or None,
        iso(state.looked_at) if state.looked_at else None,
        iso(state.imported_at) if state.imported_at else None,
        state.failed,
        state.result,
        None if newest is None else _news(newest),
        [] if newest is None else list(_unrecognised(newest, mapping)),
    )


def _files(newest: NewestImport, registry: Registry) -> ConsoleFeed:
    at, failed = iso(newest.at), newest.rows > 0 and newest.rejected == newest.rows
    values = list(_unrecognised(newest, Meanings(registry).mapping(newest.source)))
    news = _news(newest)
    return ConsoleFeed(FILES, newest.source, None, None, at, at, failed, "", news, values)


def _news(newest: NewestImport) -> FeedNews:
    rejected = [report_of(LeftOutRow, one) for one in newest.first_rejected]
    return report_of(FeedNews, newest, at=iso(newest.at), first_rejected=rejected)


def news_of(report: FeedReport, now: int) -> FeedNews:
    """Return the result of an import in the form of the newest one of a feed."""
    first = [report_of(LeftOutRow, one) for one in report.rejected[:MOST_ROWS]]
    odd = report.in_words().partition("; ")[2]
    count, notes = report.rejected_rows, (*report.notes, *([f"of the rows, {odd}"] if odd else []))
    return report_of(
        FeedNews, report, at=iso(now), rejected=count, first_rejected=first, notes=notes
    )


def _unrecognised(newest: NewestImport, mapping: ValueMapping) -> Iterator[UnrecognisedValue]:
    for field, values in newest.unrecognised.items():
        for value, rows in most_frequent(values):
            yield UnrecognisedValue(field, value, rows, mapping.says(field, value))


def feeds_content(_query: ViewQuery, found: FeedList) -> dict[str, object]:
    """Return the feeds, and the meanings that a value may get."""
    has_values = any(one.unrecognised for one in found.feeds)
    return {"feeds": found.feeds, **meaning_choices(has_breeds=has_values)}


def meaning_choices(*, has_breeds: bool) -> dict[str, object]:
    """Return the meanings that values may get; the many breeds only where they are shown."""
    return {
        "choices": {name: list(all_of) for name, all_of in MEANINGS.items() if name != "breed"},
        "breeds": list(MEANINGS["breed"]) if has_breeds else [],
    }


def ask_meaning(query: ViewQuery) -> Confirmation:
    """Say what a meaning changes."""
    source, field, value, meaning = _meaning_of(query)
    owner = f"source {source}" if source else "the animals without a source"
    if meaning:
        ValueMapping.of({field: {value: meaning}})
        effect = f"From the next import on, the {field} “{value}” of {owner} counts as {meaning}."
    else:
        effect = f"What was said of the {field} “{value}” of {owner} is forgotten."
    title = f"{'Say' if meaning else 'Forget'} what this {field} means"
    effects = (effect, _FETCHED if meaning else _FETCHED_LATER)
    values = {"source": source, "field": field, "value": value, "meaning": meaning}
    return Confirmation(title, effects, "Say so" if meaning else "Forget it", FEEDS, values)


def say_meaning(query: ViewQuery) -> Done:
    """Store what a value means."""
    source, field, value, meaning = _meaning_of(query)
    Meanings(query.services.registry).say(source, field, value, meaning, query.now)
    done = f"counts as {meaning} from the next import on" if meaning else "has no meaning any more"
    return Done(FEEDS, f"The {field} “{value[:80]}” {done}.", target=field)


def _meaning_of(query: ViewQuery) -> tuple[str, str, str, str]:
    field, value = query.text("field"), query.text("value")
    if not field or not value:
        raise InvalidInput("say which value of which field: go back, and choose one")
    return query.text("source"), field, value, query.text("meaning").strip()


class MeaningRequest(Form, frozen=True):
    """The meaning of a value of a source; an empty `meaning` forgets it.

    `field` is species, breed, size, age, sex, status or outcome; `value` is as the source writes
    it, a species with its breed as in `OTHER / BAT`.
    """

    field: str
    value: str
    meaning: str
    source: str = ""


OPERATIONS = Operations(OPERATOR, About.INVENTORY)


@OPERATIONS.add(
    "POST",
    "/v1/animals/feeds/{name}/fetch",
    SITE,
    status=202,
    parameters=(
        RequestParameter(
            "name", "The feed, as the feeds file names it.", where="path", required=True
        ),
    ),
    summary="Fetch a feed in a moment, as its source has changed.",
    notes=(
        "For webhooks of a shelter's system. The body is not read: the feed is fetched again, by"
        " the rules of its schedule, and once for all calls that come meanwhile."
    ),
)
async def post_feed_fetch(request: Request) -> Response:
    """Make a feed due."""
    services = services_of(request)
    fetching: Fetching = request.app.state.plugins["feeds"]
    name = request.path_params["name"]
    await run_in_threadpool(fetching.polling.request_fetch, name, services.now())
    return Response(status_code=202)


@OPERATIONS.add(
    "PUT",
    "/v1/console/meanings",
    request=MeaningRequest,
    status=204,
    examples={
        "a breed": {"field": "breed", "value": "SHRT HAAR", "meaning": "Domestic Short Hair"}
    },
    summary="Say what a value of a source means; it counts at the next import, and makes a feed"
    " due.",
)
async def put_meaning(request: Request) -> Response:
    """Store what a value means."""
    services = services_of(request)
    form = await read_form(request, MeaningRequest)
    say = Meanings(services.registry).say
    await run_in_threadpool(say, form.source, form.field, form.value, form.meaning, services.now())
    return Response(status_code=204)


PAGES = (
    Happenings(find_imports),
    Link("Feeds", FEEDS, tab_of=INVENTORY, place=3),
    View(
        page=FEEDS,
        template="feeds/feeds.html",
        read=feed_list,
        content=feeds_content,
        path="/feeds",
        operation="feeds",
        summary="What each feed brought and refused last, and the values that nobody knows.",
        about=About.INVENTORY,
        answer=FeedList,
    ),
    PageAction(_MEANING_PAGE, ask_meaning, say_meaning),
)
