"""The adoption page: everybody who waits, ordered for this visitor."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from urllib.parse import quote
from zlib import crc32

from markupsafe import Markup
from msgspec.structs import replace
from starlette.requests import Request
from starlette.responses import Response

from pawsonalize.animals.wishes.lexicon import colours_in
from pawsonalize.core.breeds import UNKNOWN_BREED
from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.event import Visitor
from pawsonalize.core.preferences import Preferences
from pawsonalize.recommend.animals.eligibility import Eligibility
from pawsonalize.recommend.animals.pages import seconds_until_written
from pawsonalize.recommend.groups import MAX_RESULTS
from pawsonalize.recommend.query import Query, SearchedAnimals
from pawsonalize.site import words
from pawsonalize.site.boards import board_of_page, picked_last
from pawsonalize.site.cards import animal_card
from pawsonalize.site.choices import HouseholdRules, as_call, as_search, in_words, preferences_of
from pawsonalize.site.forms import read_pages, remember_pages, shown
from pawsonalize.site.knowledge import Knowledge, curl, panel
from pawsonalize.site.languages import text
from pawsonalize.site.ordering import Ordered, Pick, Shown, order, order_nearest, pick
from pawsonalize.site.rendering import animals_page
from pawsonalize.site.storefront import Storefront

_PAGE = 24
_BREEDS = 60  # that the list of filters has
_NOTICES = ("training", "answered")
_OWN, _WISH = "own", "wish"
# Parts of the utility that have one caption with another.
_CAPTIONS = {"animal_effect": "appeal", "group": "appeal", "quiz": _WISH}


async def get_adoption_page(request: Request) -> Response:
    """Show the animals that wait, best first: all, or those that a search finds.

    Another worker may have answered the pages that this browser has open: they are written first.
    """
    ids = list(chain.from_iterable(read_pages(request).values()))
    await asyncio.sleep(seconds_until_written(ids, Storefront.of(request).now()))
    return await _adoption_page(request)


@shown
def _adoption_page(request: Request, visitor: Visitor) -> Response:
    storefront = Storefront.of(request)
    now = storefront.now()
    known, looking_for = Knowledge.of(storefront, visitor), preferences_of(request)
    adopted, favourites = known.did("adoption"), known.did("favorite")
    filters, rules, notices = _read_request(request, storefront, looking_for, adopted)
    show = _show(request)
    # Another choice, or another answer, is another page of this browser.
    pages, name = read_pages(request), f"{crc32(repr((filters, looking_for)).encode()):x}"
    query = Query(
        visitor, now, now, preferences=looking_for, eligibility=rules, limit=show, explain=True
    )
    query = replace(query, repeats=tuple(pages.pop(name, ())))
    found, every = _search(storefront, filters, query)
    query = query if found is None else found.apply(query)
    available = [] if found else storefront.animals.available(now, MAX_RESULTS)
    here = [one for one in available if one.animal_id not in adopted]
    pickable = [one for one in here if filters.species in {None, one.species}]
    species = every or Counter(one.species for one in here)
    wanted = found.ids() if found else [one.animal_id for one in pickable]
    ordered = order(storefront, query)
    nearly = order_nearest(storefront, query, len(ordered.shown))
    is_whole = known.serving is not None and not (filters.excludes or found)
    picks = pick(storefront, query, pickable, ordered) if is_whole else ()
    animals = available or [one.animal for one in (*ordered.shown, *nearly.shown)]

    def card(one: Shown | Pick, place: Shown | None = None) -> dict[str, object]:
        return animal_card(one.animal, now, one.recommendation_id, favourites, place)

    call = _call(request, known, filters, looking_for)
    board = None if found else board_of_page(storefront, query, ordered, known)
    response = animals_page(
        "adoption.html",
        notices=notices,
        filters=_by_species(species, filters),
        asked=filters,
        wishes=_wishes(storefront, filters, now) if found or here else (),
        found=found,
        searched=(found and found.suggestion) or filters.text,
        suggestions=_suggestions(storefront, now),
        has_places=any(one.latitude is not None or one.postcode for one in animals),
        has_postcodes=bool(storefront.animal_recommender.available.postcodes),
        cards=[card(one, one) for one in ordered.shown],
        nearly=[card(one, one) for one in nearly.shown],
        picks=[(card(one), one) for one in picks],
        total=ordered.total,
        whoever=filters.without_household() if filters.excludes and wanted else None,
        order_in_words=order_in_words(ordered, known, looking_for),
        learning=storefront.learning,
        board=board,
        alerts=storefront.alerts_of(visitor, as_search(filters, looking_for)),
        here=filters.path(filters.species)[1:],
        picked=picked_last(storefront, query, known, ordered),
        looking_for=in_words(looking_for),
        answered=looking_for != Preferences(),
        more=_more(filters, show, ordered, nearly),
        **panel(storefront, known, text("demo.answer"), call),
    )
    answers = _answers(query, ordered, [*ordered.shown, *nearly.shown, *picks])
    remember_pages(request, response, pages | {name: answers})
    return response


def _answers(query: Query, ordered: Ordered, seen: Sequence[Shown | Pick]) -> Iterable[str]:
    """Return the ids of the answers that the page is of, also those that it repeats."""
    kept = query.repeats if ordered.recommendation_id in query.repeats else ()
    return dict.fromkeys([*kept, *(id_ for one in seen if (id_ := one.recommendation_id))])


def _read_request(
    request: Request, storefront: Storefront, looking_for: Preferences, adopted: frozenset[str]
) -> tuple[HouseholdRules, Eligibility, list[str]]:
    notices: list[str] = [
        text(f"adoption.{one}") for one in request.query_params.getlist("notice") if one in _NOTICES
    ]
    filters = HouseholdRules.of(request.query_params, looking_for)
    try:
        rules = filters.rules(adopted).complete(
            {}, storefront.animal_recommender.available.postcodes
        )
    except InvalidInput:
        notices.append(text("adoption.unknown_place", place=filters.near))
        filters = filters.nowhere()
        rules = filters.rules(adopted)
    return filters, rules, notices


def _show(request: Request) -> int:
    given = request.query_params.get("show", "")
    wanted = int(given) if given.isascii() and given.isdigit() and len(given) < 4 else _PAGE
    return min(max(wanted, _PAGE), MAX_RESULTS)


def _more(filters: HouseholdRules, show: int, ordered: Ordered, nearly: Ordered) -> str | None:
    shown = (*ordered.shown, *nearly.shown)
    if not shown or show >= min(ordered.total + nearly.total, MAX_RESULTS):
        return None
    longer = filters.path(filters.species, show=str(show + _PAGE))
    return f"{longer}#to-{quote(shown[-1].animal.animal_id, safe='')}"


def _search(
    storefront: Storefront, filters: HouseholdRules, query: Query
) -> tuple[SearchedAnimals | None, Mapping[str, int]]:
    """Search by the text, if there is one; also count the found by species, of all species."""
    animal_recommender = storefront.animal_recommender
    if not filters.text or animal_recommender.searches is None:
        return None, {}
    rules = replace(query.eligibility, species=frozenset())
    query = replace(query, eligibility=rules)
    found = animal_recommender.searches.find(
        animal_recommender.available,
        query,
        filters.text,
        filters.without,
        as_written=filters.as_written,
    )
    return found, animal_recommender.count_fitting(found.apply(query))


def _suggestions(storefront: Storefront, now: int) -> Sequence[str] | None:
    """Return words to search for; None where nobody searches."""
    searches = storefront.animal_recommender.searches
    return (
        None
        if searches is None
        else searches.suggestions(storefront.animal_recommender.available, now)
    )


def _wishes(
    storefront: Storefront, filters: HouseholdRules, now: int
) -> list[tuple[str, list[tuple[str, str, bool]]]]:
    """Return the choices of each attribute of an animal, with those of whoever waits."""
    species = frozenset([filters.species] if filters.species else [])
    query = Query(Visitor(), now, now, eligibility=Eligibility(species=species))
    counts = storefront.animal_recommender.count_fitting(query, "breed")
    most = sorted(counts, key=lambda one: -counts[one])[:_BREEDS]
    colours = storefront.animal_recommender.count_fitting(query, "colours")
    there = {"breed": sorted(one for one in most if one != UNKNOWN_BREED)}
    there["colour"] = sorted(frozenset().union(*map(colours_in, colours)))
    return filters.wishes(there)


def _by_species(
    waiting: Mapping[str, int], filters: HouseholdRules
) -> list[tuple[str, str, int, bool]]:
    """Return name, address, number of animals and whether it is chosen, for each species."""
    by_species = [
        (words.species_plural(one), filters.path(one), count, one == filters.species)
        for one, count in sorted(waiting.items())
    ]
    every = sum(waiting.values())
    return [
        (text("adoption.everyone"), filters.path(None), every, filters.species is None),
        *by_species,
    ]


def _call(
    request: Request,
    known: Knowledge,
    filters: HouseholdRules,
    looking_for: Preferences,
) -> str:
    call = known.identity() | {"of": "animals"} | filters.call | as_call(looking_for)
    if filters.text:
        call |= {"query": filters.text, "without": [*filters.without], "limit": _PAGE}
        return curl(f"{request.base_url}v1/searches?detail=full", call)
    return curl(f"{request.base_url}v1/recommendations?detail=full", call | {"limit": _PAGE})


def order_in_words(ordered: Ordered, known: Knowledge, looking_for: Preferences) -> Markup:
    """Describe the order of this page in a few sentences."""
    if ordered.recommendation_id is None:
        return text("order.longest")
    captions = dict(_CAPTIONS)
    if known.events:
        captions |= {"group": _OWN, "visitor": _OWN}
    elif looking_for != Preferences():
        captions["group"] = _WISH
    decided = list(dict.fromkeys(captions.get(part, part) for part in ordered.decided))[:2]
    parts = [text(f"order.{one}") for one in decided if one != _OWN]
    what = text("layout.and").join(parts)
    sentences = [text("order.by", what=what) if parts else text("order.alike")]
    if decided[:1] == [_WISH]:
        sentences = [text("order.wish_first", what=text("order.wish"))]
    elif _OWN in decided:
        key = "order.yours_and" if parts else "order.yours"
        sentences = [text(key, events=known.count, what=what)]
    else:
        sentences.append(text("order.decides_little" if known.events else "order.first"))
    return Markup(" ").join(sentences)
