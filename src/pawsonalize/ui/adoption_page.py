"""The adoption page: everybody who waits, ordered for this visitor."""

import time
from urllib.parse import quote
from zlib import crc32

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from pawsonalize.domain.animals import Animal
from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.events import Visitor
from pawsonalize.domain.preferences import Preferences
from pawsonalize.engine.serving.animals.eligibility import Eligibility
from pawsonalize.engine.serving.animals.open_pages import seconds_until_written
from pawsonalize.engine.serving.query import Query
from pawsonalize.engine.serving.recommender import MAX_RESULTS
from pawsonalize.ui import words
from pawsonalize.ui.captions import order_in_words
from pawsonalize.ui.cards import AnimalCard
from pawsonalize.ui.endpoints import read_pages, remember_pages
from pawsonalize.ui.households import HouseholdRules
from pawsonalize.ui.knowledge import Knowledge, curl, panel
from pawsonalize.ui.looking_for import as_call, in_words, preferences_of
from pawsonalize.ui.ordering import Pick, Shown, order, order_found, pick
from pawsonalize.ui.rendering import animals_page
from pawsonalize.ui.searching import search
from pawsonalize.ui.storefront import Storefront

_PAGE = 24
_NOTICES = {"training": "Retraining has started. The new model takes over if it proves itself."}


def get_adoption_page(request: Request, visitor: Visitor) -> Response:
    """Show the animals that wait, best first: all, or those that a search finds."""
    storefront = Storefront.of(request)
    now = storefront.now()
    known = Knowledge.of(storefront, visitor)
    taken_home = known.did("adoption")
    looking_for = preferences_of(request)
    filters, rules, notices = _asked(request, storefront, looking_for, taken_home)
    waiting = [
        animal
        for animal in _waiting(storefront, filters, now)
        if animal.animal_id not in taken_home
    ]
    show = _show(request)
    pages, name = read_pages(request), _name(filters, looking_for)
    query = Query(
        visitor,
        now,
        now,
        preferences=looking_for,
        eligibility=rules,
        limit=show,
        explain=True,
        repeats=tuple(pages.pop(name, ())),
    )
    time.sleep(seconds_until_written(query.repeats, now))  # another worker may have answered
    wanted = [animal for animal in waiting if filters.species in {None, animal.species}]
    searched = bool(filters.text)
    ordered = order_found(storefront, query, wanted) if searched else order(storefront, query)
    favourites = known.did("favorite")
    picks: tuple[Pick, ...] = ()
    if known.serving is not None and not (filters.excludes or searched):
        picks = pick(storefront, query, wanted, ordered)
    response = animals_page(
        "adoption.html",
        notices=notices,
        filters=_by_species(waiting, filters),
        asked=filters,
        has_places=any(one.latitude is not None or one.postcode for one in waiting),
        has_postcodes=storefront.individuals.knows_postcodes,
        cards=[
            AnimalCard.of(one.animal, now, one.recommendation_id, favourites, one)
            for one in ordered.shown
        ],
        picks=[
            (AnimalCard.of(one.animal, now, one.recommendation_id, favourites), one)
            for one in picks
        ],
        total=ordered.total,
        whoever=filters.without_household() if filters.excludes and wanted else None,
        order_in_words=order_in_words(ordered, known, looking_for),
        learning=storefront.learning.in_words()
        if storefront.is_demo and not storefront.live.is_ready
        else None,
        looking_for=in_words(looking_for),
        answered=looking_for != Preferences(),
        more=_more(filters, show, ordered.shown[-1])
        if ordered.shown and show < min(ordered.total, MAX_RESULTS)
        else None,
        **panel(
            storefront,
            known,
            now,
            "The answer behind this page",
            _call(request, known, filters, looking_for, wanted),
        ),
    )
    kept = query.repeats if ordered.recommendation_id in query.repeats else ()
    both: list[Shown | Pick] = [*ordered.shown, *picks]
    given = [one.recommendation_id for one in both if one.recommendation_id]
    remember_pages(request, response, pages | {name: dict.fromkeys([*kept, *given])})
    return response


def _name(filters: HouseholdRules, looking_for: Preferences) -> str:
    """The page's name in this browser: another choice, or another answer, is another page."""
    return f"{crc32(repr((filters, looking_for)).encode()):x}"


def _waiting(storefront: Storefront, filters: HouseholdRules, now: int) -> list[Animal]:
    if filters.text:
        return search(storefront.animals, filters.text, now)
    return storefront.animals.available(now, MAX_RESULTS)


def _asked(
    request: Request, storefront: Storefront, looking_for: Preferences, taken_home: frozenset[str]
) -> tuple[HouseholdRules, Eligibility, list[str]]:
    """What the page asks for, the rules that follow, and what has to be said of it."""
    notices = [_NOTICES[one] for one in request.query_params.getlist("notice") if one in _NOTICES]
    filters = HouseholdRules.of(request, looking_for)
    try:
        rules = storefront.individuals.placed(filters.rules(taken_home))
    except InvalidInput:
        notices.append(f"We do not know where {filters.near} is, so distances are left out.")
        filters = filters.nowhere()
        rules = filters.rules(taken_home)
    return filters, rules, notices


def _show(request: Request) -> int:
    given = request.query_params.get("show", "")
    asked = int(given) if given.isascii() and given.isdigit() and len(given) < 4 else _PAGE
    return min(max(asked, _PAGE), MAX_RESULTS)


def _more(filters: HouseholdRules, show: int, last: Shown) -> str:
    """The address of the longer page, at the last animal of this one."""
    longer = filters.path(filters.species, show=str(show + _PAGE))
    return f"{longer}#to-{quote(last.animal.animal_id, safe='')}"


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


def _call(
    request: Request,
    known: Knowledge,
    filters: HouseholdRules,
    looking_for: Preferences,
    found: list[Animal],
) -> str:
    asked = known.identity() | {"of": "animals"} | filters.call | as_call(looking_for)
    if filters.text:
        ids = [{"itemId": one.animal_id} for one in found[:_PAGE]]
        asked |= {"itemMetadataList": ids}
        return curl(f"{request.base_url}v1/rerankings?detail=full", asked)
    return curl(f"{request.base_url}v1/recommendations?detail=full", asked | {"limit": _PAGE})


def get_learning(request: Request, _visitor: Visitor) -> Response:
    """What is so at this moment, as text; 204 once a model is live."""
    storefront = Storefront.of(request)
    if storefront.live.is_ready:
        return Response(status_code=204)
    return PlainTextResponse(storefront.learning.in_words())
