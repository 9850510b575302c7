"""The visitor's own page: favourites, whom they looked at, and how to be forgotten."""

from dataclasses import replace

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from pawsonalize.domain.errors import Conflict
from pawsonalize.domain.events import DEFAULT_DATASET_GROUP, Visitor
from pawsonalize.domain.preferences import Preferences
from pawsonalize.domain.statuses import AnimalStatus
from pawsonalize.ui.cards import AnimalCard
from pawsonalize.ui.endpoints import Fields, forget_answers, new_session_id, remember, see
from pawsonalize.ui.knowledge import Knowledge, curl, panel
from pawsonalize.ui.looking_for import in_words, preferences_of
from pawsonalize.ui.rendering import animals_page
from pawsonalize.ui.storefront import Storefront

HOME = "/you"
_SHOWN = 24


def get_visitor_page(request: Request, visitor: Visitor) -> Response:
    """Show what this browser's visitor did here."""
    storefront = Storefront.of(request)
    now = storefront.now()
    known = Knowledge.of(storefront, visitor)
    favourites = known.newest("favorite")
    viewed = [one for one in known.newest("view") if one not in favourites]
    looking_for = preferences_of(request)
    return animals_page(
        "visitor.html",
        favourites=_cards(storefront, known, favourites, now),
        viewed=_cards(storefront, known, viewed, now),
        looking_for=in_words(looking_for),
        answered=looking_for != Preferences(),
        forgotten=request.query_params.get("notice") == "forgotten",
        **panel(
            storefront,
            known,
            now,
            "Your events, for programs",
            curl(f"{request.base_url}v1/sessions/{visitor.session_id}/history"),
        ),
    )


async def post_forget(request: Request, visitor: Visitor, _fields: Fields) -> Response:
    """Erase what this browser's visitor did, and go on as somebody new."""
    storefront = Storefront.of(request)
    session_id = visitor.session_id
    if visitor.user_id is not None or session_id is None:
        raise Conflict("this page forgets a browser, not a user: sign out first")
    await run_in_threadpool(storefront.erasing.erase_session, session_id, DEFAULT_DATASET_GROUP)
    response = see(f"{HOME}?notice=forgotten")
    forget_answers(response)
    remember(request, response, replace(visitor, session_id=new_session_id()))
    return response


def _cards(
    storefront: Storefront, known: Knowledge, animal_ids: tuple[str, ...] | list[str], now: int
) -> list[AnimalCard]:
    found = storefront.animals.get_many(animal_ids[:_SHOWN])
    favourites = known.did("favorite")
    return [
        AnimalCard.of(found[one], now, None, favourites)
        for one in animal_ids[:_SHOWN]
        if one in found and found[one].status is not AnimalStatus.REMOVED
    ]
