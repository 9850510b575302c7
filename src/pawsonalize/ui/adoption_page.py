"""The adoption page: everybody who waits, ordered for this visitor."""

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from pawsonalize.domain.animals import Animal
from pawsonalize.domain.events import Visitor
from pawsonalize.domain.preferences import Preferences
from pawsonalize.engine.serving.query import Query
from pawsonalize.engine.serving.recommender import MAX_RESULTS
from pawsonalize.ui import words
from pawsonalize.ui.cards import AnimalCard
from pawsonalize.ui.households import HouseholdRules
from pawsonalize.ui.knowledge import Knowledge, curl, panel
from pawsonalize.ui.looking_for import as_call, in_words, preferences_of
from pawsonalize.ui.ordering import Ordered, order, pick
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
    looking_for = preferences_of(request)
    filters = HouseholdRules.of(request, looking_for)
    show = _show(request)
    query = Query(
        visitor,
        now,
        now,
        preferences=looking_for,
        eligibility=filters.rules(taken_home),
        limit=show,
        explain=True,
    )
    ordered = order(storefront, query)
    favourites = known.did("favorite")
    answer = ordered.recommendation_id
    wanted = [animal for animal in waiting if filters.species in {None, animal.species}]
    return page(
        "adoption.html",
        notice=_NOTICES.get(request.query_params.get("notice", "")),
        filters=_by_species(waiting, filters),
        species=filters.species,
        household=filters.choices,
        demands=filters.demands,
        cards=[(AnimalCard.of(one.animal, now, answer, favourites), one) for one in ordered.shown],
        picks=[
            (AnimalCard.of(one.animal, now, one.recommendation_id, favourites), one)
            for one in pick(storefront, visitor, wanted, now, looking_for)
        ]
        if not (filters.household or filters.must) and known.serving is not None
        else [],
        total=ordered.total,
        whoever=filters.without_household()
        if (filters.household or filters.must) and wanted
        else None,
        order_in_words=_order_in_words(ordered, known, looking_for),
        learning=None if storefront.live.is_ready else storefront.learning.in_words(),
        looking_for=in_words(looking_for),
        answered=looking_for != Preferences(),
        more=_more(filters, show) if ordered.total > show else None,
        **panel(
            storefront,
            known,
            now,
            "The answer behind this page",
            _call(request, known, filters, looking_for),
        ),
    )


def _show(request: Request) -> int:
    given = request.query_params.get("show", "")
    asked = int(given) if given.isascii() and given.isdigit() and len(given) < 4 else _PAGE
    return min(max(asked, _PAGE), MAX_RESULTS)


def _more(filters: HouseholdRules, show: int) -> str:
    return f"{filters.path(filters.species, show=str(show + _PAGE))}#more-{show}"


def _by_species(waiting: list[Animal], filters: HouseholdRules) -> list[tuple[str, str, int, bool]]:
    """Name, address, number of animals and whether it is chosen, for each species."""
    present = sorted({animal.species for animal in waiting})
    by_species = [
        (
            words.species_plural(species),
            filters.path(species),
            sum(animal.species == species for animal in waiting),
            species == filters.species,
        )
        for species in present
    ]
    return [("Everyone", filters.path(None), len(waiting), filters.species is None), *by_species]


def _order_in_words(ordered: Ordered, known: Knowledge, looking_for: Preferences) -> str:
    if ordered.recommendation_id is None:
        return "Whoever has waited longest comes first."
    if not known.events and looking_for != Preferences():
        return "Whoever fits what you are looking for comes first."
    if not known.events and known.serving is None:
        return "Whoever waits long and was seldom shown comes first, until you look at somebody."
    if not known.events:
        return "What visitors like comes first, until you look at somebody."
    return f"Ordered for you, from {known.count} of yours."


def _call(
    request: Request, known: Knowledge, filters: HouseholdRules, looking_for: Preferences
) -> str:
    address = f"{request.base_url}v1/recommendations?detail=full"
    asked = {"of": "animals", "limit": _PAGE} | filters.call
    return curl(address, known.identity() | asked | as_call(looking_for))


def get_learning(request: Request, _visitor: Visitor) -> Response:
    """What is so at this moment, as text; 204 once a model is live."""
    storefront = Storefront.of(request)
    if storefront.live.is_ready:
        return Response(status_code=204)
    return PlainTextResponse(storefront.learning.in_words())
