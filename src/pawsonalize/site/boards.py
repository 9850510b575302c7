"""Boards on the pages: "Whom would you like to meet first?", and what the visitor picked."""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from msgspec.structs import replace
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from pawsonalize.animals.animal import UNKNOWN
from pawsonalize.core.errors import Conflict, NotFound
from pawsonalize.core.event import PICK, UNPICK, Event, Visitor
from pawsonalize.core.limits import parse_id
from pawsonalize.core.preferences import about_picks, contradicts
from pawsonalize.core.times import HOUR
from pawsonalize.recommend.animals.pages import MOST_PICKS, wait_until_written
from pawsonalize.recommend.query import Query
from pawsonalize.recommend.reasons import WordChoice
from pawsonalize.site.cards import animal_card
from pawsonalize.site.forms import Fields, remember, see
from pawsonalize.site.knowledge import Knowledge
from pawsonalize.site.languages import text
from pawsonalize.site.ordering import Ordered
from pawsonalize.site.rendering import with_query
from pawsonalize.site.storefront import SiteBoard, Storefront

_FEWEST = 2  # nobody chooses among one
_FIRST = 3


def board_of_page(
    storefront: Storefront, query: Query, ordered: Ordered, known: Knowledge
) -> dict[str, object] | None:
    """Return the board of a page for templates; None if none is worth its place there.

    Whoever loads the page again finds the same board, until they do something else.
    """
    boards = storefront.boards
    # One answer at a time: the page that follows a tap shows what it changed.
    if boards is None or _newest_answer(known, query.now):
        return None
    # A page that is shown again says whether to ask as it did when it was new.
    is_new = ordered.asks and ordered.recommendation_id not in query.repeats
    board = None if is_new else boards.waiting(known.visitor, query.at, known.boards)
    if board is None:
        board = boards.give(replace(query, repeats=(), explain=False)) if ordered.asks else None
    elif any(one.sent_at >= board.given_at for one in known.events[:1]):
        return None  # they look around instead
    return None if board is None else _in_template(storefront, query, known, board)


def board_of_form(
    storefront: Storefront, query: Query, known: Knowledge
) -> dict[str, object] | None:
    """Return the board that waits for the visitor; a new one for somebody who did nothing yet."""
    boards = storefront.boards
    if boards is None or not storefront.animal_recommender.can_order(query.now):
        return None
    board = boards.waiting(known.visitor, query.at, known.boards)
    if board is None and not known.events:
        board = boards.give(query)
    return None if board is None else _in_template(storefront, query, known, board)


def _in_template(
    storefront: Storefront, query: Query, known: Knowledge, board: SiteBoard
) -> dict[str, object] | None:
    # The page may have other rules by now than when the board was given.
    if len(board.animal_ids) < _FEWEST or not {
        *storefront.animal_recommender.fitting(query)
    }.issuperset(board.animal_ids):
        return None
    question = text("board.next" if known.did(PICK) else "board.first")
    cards = _cards(storefront, board.animal_ids)
    return {"id": board.board_id, "cards": cards, "question": question, "picked": ()}


def _cards(storefront: Storefront, ids: Iterable[str]) -> list[dict[str, Any]]:
    wanted = tuple(ids)
    found = storefront.animals.get_many(wanted)
    here = [found[one] for one in wanted if one in found]
    return [animal_card(one, storefront.now(), None, frozenset()) for one in here]


def _newest_answer(known: Knowledge, now: int) -> Sequence[Event]:
    return [one for one in known.answered if one.sent_at >= now - HOUR]


def picked_last(
    storefront: Storefront, query: Query, known: Knowledge, ordered: Ordered
) -> dict[str, object] | None:
    """Return this visit's answer to a board for templates, if nothing was done since."""
    answer = _newest_answer(known, storefront.now())
    wishes = about_picks(query.preferences.wishes(query.at))
    if not answer or any(contradicts(wishes, one.item_id, one.sent_at) for one in answer):
        return None
    ids = [one.animal_id for one in answer if one.animal_id]
    cards = _cards(storefront, ids)
    if ids and not cards:
        return None  # who was picked is deleted
    here = [one["animal"] for one in cards]
    first = [one.animal.species for one in ordered.shown[:_FIRST]]
    alike = bool(here) and set(first) <= {one.species for one in here}
    who = here[0].sex if len(here) == 1 else "several"
    pronoun = here[0].name if who == UNKNOWN else text("board.like", who=WordChoice(who))
    # The first tap has told most, so the page is the visitor's: the rest of the board stays beside.
    is_open = 0 < len(ids) < MOST_PICKS and known.events[0].event_type != UNPICK
    rest = set(answer[0].impression) - {*ids} if is_open else set()
    fitting = (
        [one for one in storefront.animal_recommender.fitting(query) if one in rest] if rest else []
    )
    name = answer[0].recommendation_id
    board = {
        "id": name,
        "cards": _cards(storefront, sorted(fitting, key=answer[0].impression.index)),
        "question": text("board.else"),
        "picked": ids,
    }
    return {
        "id": name,
        "cards": cards,
        "alike": pronoun if alike else "",
        "board": board if fitting else None,
    }


async def post_picks(request: Request, visitor: Visitor, fields: Fields) -> Response:
    """Take the answer to a board, and show the same page as it is now."""
    storefront = Storefront.of(request)
    if storefront.boards is None:
        raise NotFound("nobody is asked here: go back to the animals")
    board_id, now = parse_id(fields.get("board"), "board"), storefront.now()
    knows = partial(run_in_threadpool, storefront.boards.knows, board_id, visitor, now)
    await wait_until_written(board_id, storefront.now, knows)
    picked = tuple(fields[one] for one in ("picked-1", "picked-2", "animal") if one in fields)
    query = request.url.query
    try:
        parts = await run_in_threadpool(storefront.boards.events, board_id, visitor, picked, now)
        if parts:
            await storefront.ingest.accept(parts, now, whole=True)
    except (Conflict, NotFound):  # it was answered in another tab, or is gone: nothing changes
        query = with_query("", dict(request.query_params) | {"notice": "answered"})[1:]
    response = see(f"/?{query}" if query else "/")
    remember(request, response, visitor)
    return response
