"""Cards: an animal in the words and the picture that pages show."""

import zlib
from collections.abc import Set
from typing import Any
from urllib.parse import urlencode

import msgspec

from pawsonalize.animals.animal import Animal, AnimalStatus
from pawsonalize.core.times import iso
from pawsonalize.site import words
from pawsonalize.site.languages import reason, spoken, text, value
from pawsonalize.site.ordering import Shown
from pawsonalize.site.portraits import Portrait
from pawsonalize.site.rendering import path_of

_TINTS = 6
_WEB = ("https://", "http://")
_GONE = frozenset(
    {AnimalStatus.ADOPTED, AnimalStatus.PENDING, AnimalStatus.HOLD, AnimalStatus.RETURNED}
)
_LONG_WAIT_DAYS = 60


def animal_card(
    animal: Animal,
    now: int,
    recommendation_id: str | None,
    favourites: Set[str],
    shown: Shown | None = None,
) -> dict[str, Any]:
    """Return the content of a card for templates; `shown` is the animal's place in an answer."""
    group, days = animal.group_at(now), animal.waiting_days(now)
    kind = words.SPECIES.get(group.species)
    kind = value(kind) if kind else text("card.friend")
    name = animal.name or str(text("card.nameless", kind=kind))
    is_favourite, waiting = animal.animal_id in favourites, words.waiting(days)
    together, reasons, kilometres = (
        ((), (), None) if shown is None else (shown.together, shown.reasons, shown.kilometres)
    )
    distance = (
        "" if kilometres is None else text("card.away", distance=spoken().distance(kilometres))
    )
    shown_below = {"waiting", "away" if distance else ""}
    source = {} if recommendation_id is None else {"from": recommendation_id}
    home = {"Kids": animal.good_with_kids, "Dogs": animal.good_with_dogs}
    home |= {"Cats": animal.good_with_cats}
    event: dict[str, object] = {"animal_id": animal.animal_id, "animalMetadata": group.metadata}
    event |= {} if recommendation_id is None else {"recommendationId": recommendation_id}
    return {
        "animal": animal,
        "name": name,
        "recommendation_id": recommendation_id,
        "together": [one.name for one in together],
        "reasons": [reason(one) for one in reasons if one.code not in shown_below],
        "distance": distance,
        "path": path_of(animal.animal_id) + (f"?{urlencode(source)}" if source else ""),
        "photo": next((one for one in animal.photos if one.startswith(_WEB)), ""),
        "portrait": Portrait.of(animal, group).path,
        "favourite": is_favourite,
        "toggle": "unfavorite" if is_favourite else "favorite",
        "toggled": text("card.no_favourite" if is_favourite else "card.is_favourite", name=name),
        "tint": zlib.crc32(animal.name.encode()) % _TINTS,
        "breed": words.breed(group.breed),
        "age_and_size": words.age_and_size(group),
        "coat": words.coat(animal.colours),
        "waiting": waiting,
        "waits_long": days >= _LONG_WAIT_DAYS,
        # An animal that came back waits anew.
        "first_came_in": spoken().date(iso(animal.first_listed_at))
        if animal.first_listed_at < animal.listed_at
        else "",
        "gone": text(f"gone.{animal.status}") if animal.status in _GONE else "",
        "good_with": [(one, words.good_with(answer)) for one, answer in home.items()],
        "event": event,
        "event_json": msgspec.json.encode(event).decode(),
    }
