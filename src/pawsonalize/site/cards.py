"""Cards: an animal in the words and the picture that pages show."""

import zlib
from collections.abc import Set
from datetime import date
from typing import Any
from urllib.parse import urlencode

import msgspec

from pawsonalize.animals.animal import OWN_PHOTOS, UNKNOWN, Animal, AnimalStatus
from pawsonalize.animals.written import TRAITS, Statement
from pawsonalize.core.attributes import GoodWith
from pawsonalize.core.times import iso
from pawsonalize.site import words
from pawsonalize.site.languages import reason, spoken, text, value
from pawsonalize.site.ordering import Shown
from pawsonalize.site.portraits import Portrait
from pawsonalize.site.rendering import path_of

_TINTS = 6
_SHOWN = frozenset(TRAITS) - {"returned"}  # why it came back is for its shelter to tell
_WEB = ("https://", "http://", OWN_PHOTOS)
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
    # Said elsewhere on the card, seen there, or no praise.
    unsaid = {"waiting", "away" if distance else "", "photos", "seldom"}
    source = {} if recommendation_id is None else {"from": recommendation_id}
    home = {
        "Kids": words.good_with(animal.good_with("kids")),
        "Dogs": words.good_with(animal.good_with("dogs")),
        "Cats": words.good_with(animal.good_with("cats")),
    }
    not_known = [who.lower() for who, said in home.items() if said == "not known"]
    photos = web_photos(animal)
    event: dict[str, object] = {"animal_id": animal.animal_id, "animalMetadata": group.metadata}
    event |= {} if recommendation_id is None else {"recommendationId": recommendation_id}
    return {
        "animal": animal,
        "name": name,
        "recommendation_id": recommendation_id,
        "together": [one.name for one in together],
        "reasons": [reason(one) for one in reasons if one.code not in unsaid],
        "distance": distance,
        "path": path_of(animal.animal_id) + (f"?{urlencode(source)}" if source else ""),
        "photo": photos[0] if photos else "",
        "small_photo": small_photo(photos[0]) if photos else "",
        "more_photos": photos[1:],
        "portrait": Portrait.of(animal, group).path,
        "favourite": is_favourite,
        "toggle": "unfavorite" if is_favourite else "favorite",
        "toggled": text("card.no_favourite" if is_favourite else "card.is_favourite", name=name),
        "tint": zlib.crc32(animal.name.encode()) % _TINTS,
        "breed": words.breed(group.breed),
        "age_and_size": words.age_and_size(group),
        "waiting": waiting,
        "waits_long": days >= _LONG_WAIT_DAYS,
        "gone": text(f"gone.{animal.status}") if animal.status in _GONE else "",
        "good_with": [(who, said) for who, said in home.items() if said != "not known"],
        "not_known": spoken().listed(not_known) if not_known else "",
        "event": event,
        "event_json": msgspec.json.encode(event).decode(),
    }


def web_photos(animal: Animal) -> list[str]:
    """Return the addresses of photos that a browser may load."""
    return [photo for photo in animal.photos if photo.startswith(_WEB)]


def small_photo(photo: str) -> str:
    """Return the address of a photo in the size of a card, where this service has that."""
    is_own = photo.startswith(OWN_PHOTOS)
    return f"{photo.removesuffix('.jpg')}-small.jpg" if is_own else photo


def facts(animal: Animal, now: int) -> list[tuple[str, str]]:
    """Return what the record says of an animal: names and values; what is not known is left out."""
    speaks = spoken()
    altered = value("spayed or neutered") if animal.altered else ""
    sex = value(animal.sex) if animal.sex != UNKNOWN else ""
    born = animal.born and words.exact_age(animal.born, date.fromisoformat(iso(now)[:10]))
    fee = None if animal.fee is None else words.fee(animal.fee)
    breeds = filter(None, (animal.breed, animal.secondary_breed))
    mixed = [text("layout.and").join(map(words.breed, breeds)), value("mixed breed")]
    # An animal that came back waits anew.
    came_in = min(animal.intake_at or animal.first_listed_at, animal.first_listed_at)
    told = {
        "value.breed": ", ".join(mixed)
        if animal.mixed
        else mixed[0] * bool(animal.secondary_breed),
        "card.age": born,
        "card.sex": ", ".join(filter(None, (sex, altered))),
        "trait.altered": "" if altered else _yes_or_no(animal.altered),
        "card.weight": animal.weight,
        "card.colour": text("layout.and").join(map(value, animal.colours)),
        "card.coat": value(animal.coat),
        "card.house_trained": _yes_or_no(animal.house_trained),
        "card.special_needs": _yes_or_no(animal.special_needs),
        "card.fee": fee,
        "card.shelter": animal.shelter,
        "card.postcode": animal.postcode,
        "card.number": animal.external_id,
        "card.came_in": came_in < animal.listed_at and speaks.date(iso(came_in)),
    }
    return [(text(key), said) for key, said in told.items() if said]


def statements(animal: Animal) -> list[tuple[str, str, str]]:
    """Return what its shelter wrote of what the record leaves open: name, answer and sentence."""
    open_answers = {None, "", GoodWith.UNKNOWN}
    return [
        (text(f"trait.{one.trait}"), _answer_in_words(one), one.sentence)
        for one in animal.facts.values()
        if one.trait in _SHOWN and getattr(animal, one.trait, None) in open_answers
    ]


def _answer_in_words(statement: Statement) -> str:
    return statement.condition or str(value(statement.answer))


def _yes_or_no(known: bool | None) -> str:
    return "" if known is None else value("yes" if known else "no")
