"""The adoption page: everybody who waits, ordered for this visitor."""

from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from pawsonalize.domain.animals import Animal
from pawsonalize.domain.events import Visitor
from pawsonalize.domain.preferences import Preferences
from pawsonalize.engine.runtime import MAX_RESULTS
from pawsonalize.engine.told import Told
from pawsonalize.ui import words
from pawsonalize.ui.cards import Card
from pawsonalize.ui.knowledge import Knowledge, curl
from pawsonalize.ui.looking_for import as_call, in_words, preferences_of
from pawsonalize.ui.ordering import MAX_PICKS, Ordered, order, pick
from pawsonalize.ui.panel import panel
from pawsonalize.ui.rendering import page
from pawsonalize.ui.storefront import Storefront

_PAGE = 24
_NOTICES = {"training": "Retraining has started. The new model takes over if it proves itself."}


def get_adoption_page(request: Request, visitor: Visitor) -> Response:
    """Show the animals that wait, best first."""
    storefront = Storefront.of(request)
    now = storefront.now()
    known = Knowledge.of(storefront, visitor)
    taken_home = known.did("adoption")
    waiting = [
        animal
        for animal in storefront.animals.available(now, MAX_RESULTS)
        if animal.animal_id not in taken_home
    ]
    species = request.query_params.get("species")
    wanted = [animal for animal in waiting if species in {None, animal.species}]
    looking_for = preferences_of(request)
    told = Told(preferences=looking_for)
    ordered = order(storefront, visitor, wanted, now, told)
    show = _show(request)
    favourites = known.did("favorite")
    return page(
        "adoption.html",
        notice=_NOTICES.get(request.query_params.get("notice", "")),
        filters=_filters(waiting, species),
        cards=[
            Card.of(animal, now, ordered.recommendation_id, favourites)
            for animal in ordered.animals[:show]
        ],
        picks=[
            (Card.of(one.animal, now, one.recommendation_id, favourites), one)
            for one in pick(storefront, visitor, wanted, now, told)
        ],
        total=len(wanted),
        order_in_words=_order_in_words(ordered, known, looking_for),
        looking_for=in_words(looking_for),
        answered=looking_for != Preferences(),
        more=_more(species, show) if len(wanted) > show else None,
        **panel(
            storefront,
            known,
            now,
            "The answer behind “Picked for you”",
            _call(request, known, looking_for),
        ),
    )


def _show(request: Request) -> int:
    given = request.query_params.get("show", "")
    asked = int(given) if given.isascii() and given.isdigit() and len(given) < 4 else _PAGE
    return min(max(asked, _PAGE), MAX_RESULTS)


def _more(species: str | None, show: int) -> str:
    query = {"species": species} if species else {}
    return f"/?{urlencode(query | {'show': str(show + _PAGE)})}#more-{show}"


def _filters(waiting: list[Animal], chosen: str | None) -> list[tuple[str, str, int, bool]]:
    """Name, address, number of animals and whether it is chosen, for each filter."""
    present = sorted({animal.species for animal in waiting})
    by_species = [
        (
            words.species_plural(species),
            f"/?{urlencode({'species': species})}",
            sum(animal.species == species for animal in waiting),
            species == chosen,
        )
        for species in present
    ]
    return [("Everyone", "/", len(waiting), chosen is None), *by_species]


def _order_in_words(ordered: Ordered, known: Knowledge, looking_for: Preferences) -> str:
    if ordered.recommendation_id is None:
        return "No model is live yet, so whoever has waited longest comes first."
    if not known.events and looking_for != Preferences():
        return "Whoever fits what you are looking for comes first."
    if not known.events:
        return "What visitors like comes first, until you look at somebody."
    return f"Ordered for you, from {known.count} of yours."


def _call(request: Request, known: Knowledge, looking_for: Preferences) -> str:
    address = f"{request.base_url}v1/recommendations?detail=full"
    return curl(address, known.identity() | {"limit": MAX_PICKS} | as_call(looking_for))
