"""One animal: who it is, and what a visitor can do for it."""

from starlette.requests import Request
from starlette.responses import Response

from pawsonalize.domain.animals import Animal
from pawsonalize.domain.errors import InvalidInput, NotFound
from pawsonalize.domain.events import Visitor
from pawsonalize.domain.ids import parse_id
from pawsonalize.domain.statuses import AnimalStatus
from pawsonalize.engine.serving.animals.eligibility import Denied, Eligibility
from pawsonalize.engine.serving.context import Query
from pawsonalize.ui.cards import AnimalCard
from pawsonalize.ui.knowledge import Knowledge, curl, panel
from pawsonalize.ui.ordering import like
from pawsonalize.ui.rendering import animals_page
from pawsonalize.ui.storefront import Storefront

_OTHERS = 3

# Event type, what the button says, and what it says once that is done.
_FAVOURITE = (("favorite", "Favourite {name}", "In your favourites"),)
# In the demo alone: a shelter is asked at its own page, and says itself who was adopted.
_ASK = (("inquiry", "Ask about {name}", "You asked about {name}"),)
_ADOPT = (("adoption", "Adopt {name}", "You adopted {name}"),)


def get_animal_page(request: Request, visitor: Visitor) -> Response:
    """Show an animal; the page's script tells the service that it was viewed."""
    storefront = Storefront.of(request)
    now = storefront.now()
    animal = storefront.animals.get(request.path_params["animal_id"])
    if animal is None or animal.status is AnimalStatus.REMOVED:
        raise NotFound("there is no animal with this id: choose one from the list")
    known = Knowledge.of(storefront, visitor)
    card = AnimalCard.of(animal, now, _source(request), known.did("favorite"))
    event = known.identity() | {"eventType": "view"} | card.event()
    play = _ASK + (_ADOPT if storefront.is_open else ()) if storefront.is_demo else ()
    actions = _FAVOURITE + play
    return animals_page(
        "animal.html",
        card=card,
        others=_others(storefront, known, animal, now),
        actions=[
            (event_type, label.format(name=card.name), done.format(name=card.name))
            for event_type, label, done in actions
        ],
        done={kind for kind, _, _ in actions if animal.animal_id in known.did(kind)},
        **panel(
            storefront,
            known,
            now,
            "The event this page sends",
            curl(f"{request.base_url}v1/events", event),
        ),
    )


def _others(storefront: Storefront, known: Knowledge, animal: Animal, now: int) -> list[AnimalCard]:
    """Return other animals of the species that visitors who like this one like."""
    rules = Eligibility(
        species=frozenset([animal.species]), denied=Denied(animals=known.did("adoption"))
    )
    query = Query(known.visitor, now, now, eligibility=rules, limit=_OTHERS)
    found, favourites = like(storefront, query, animal.animal_id), known.did("favorite")
    return [
        AnimalCard.of(one.animal, now, found.recommendation_id, favourites) for one in found.shown
    ]


def _source(request: Request) -> str | None:
    """The answer the visitor came from, if the address still says so."""
    try:
        return parse_id(request.query_params.get("from"), "from")
    except InvalidInput:
        return None
