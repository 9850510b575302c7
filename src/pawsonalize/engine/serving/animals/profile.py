"""What a request says of the visitor's home and wishes, completed by what is stored of the user."""

from collections.abc import Mapping
from dataclasses import dataclass

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.events import Visitor
from pawsonalize.engine.serving.animals.distance import Place, Postcodes, postcode_key
from pawsonalize.engine.serving.animals.rules import NOBODY, Denied, Rules
from pawsonalize.storage.base import Catalogue

Attributes = Mapping[str, str | float | None]


@dataclass(frozen=True, slots=True)
class Wishes:
    """What was said; None and empty leave it to the stored profile."""

    kids: bool | None = None
    dogs: bool | None = None
    cats: bool | None = None
    species: frozenset[str] = frozenset()
    sizes: frozenset[str] = frozenset()
    ages: frozenset[str] = frozenset()
    sexes: frozenset[str] = frozenset()
    house_trained: bool | None = None
    special_needs: bool | None = None
    max_fee: float | None = None
    max_distance_km: float | None = None
    place: Place | None = None
    postcode: str = ""
    denied: Denied = NOBODY


class Profiles:
    """The rules of visitors, from what they say and what is stored of them."""

    def __init__(self, catalogue: Catalogue, postcodes: Postcodes) -> None:
        self._catalogue = catalogue
        self._postcodes = postcodes

    def rules(self, wishes: Wishes, visitor: Visitor) -> Rules:
        """See `rules_for`."""
        user = None if visitor.user_id is None else self._catalogue.user(visitor.user_id)
        return rules_for(wishes, {} if user is None else user.attributes, self._postcodes)


def rules_for(wishes: Wishes, stored: Attributes, postcodes: Postcodes) -> Rules:
    """The rules; what the request says wins over the attributes of the user.

    Those are KIDS, DOGS and CATS (`yes` or `no`), LATITUDE and LONGITUDE or POSTCODE,
    MAX_DISTANCE_KM and MAX_FEE; values that cannot be read are not known. InvalidInput for a
    postcode of the request that is not in the table, and for a distance from nowhere.
    """
    place = (
        wishes.place or _place_of(wishes.postcode, postcodes) or _stored_place(stored, postcodes)
    )
    if place is None and wishes.max_distance_km is not None:
        raise InvalidInput(
            "maxDistanceKm needs a place: send latitude and longitude, or a postcode",
            field="maxDistanceKm",
        )
    stored_distance = _number(stored.get("MAX_DISTANCE_KM"))
    distance = stored_distance if wishes.max_distance_km is None else wishes.max_distance_km
    return Rules(
        kids=_lives(wishes.kids, stored.get("KIDS")),
        dogs=_lives(wishes.dogs, stored.get("DOGS")),
        cats=_lives(wishes.cats, stored.get("CATS")),
        species=wishes.species,
        sizes=wishes.sizes,
        ages=wishes.ages,
        sexes=wishes.sexes,
        house_trained=wishes.house_trained,
        special_needs=wishes.special_needs,
        max_fee=_number(stored.get("MAX_FEE")) if wishes.max_fee is None else wishes.max_fee,
        place=place,
        max_distance_km=distance,
        denied=wishes.denied,
    )


def _lives(said: bool | None, stored: str | float | None) -> bool:
    return stored == "yes" if said is None else said


def _place_of(postcode: str, postcodes: Postcodes) -> Place | None:
    if not postcode:
        return None
    place = postcodes.get(postcode_key(postcode))
    if place is None:
        raise InvalidInput(
            f"the postcode {postcode} is not in the postcode table: send latitude and longitude",
            field="postcode",
        )
    return place


def _stored_place(stored: Attributes, postcodes: Postcodes) -> Place | None:
    latitude, longitude = _number(stored.get("LATITUDE")), _number(stored.get("LONGITUDE"))
    if latitude is not None and longitude is not None:
        if abs(latitude) <= 90 and abs(longitude) <= 180:
            return Place(latitude, longitude)
        return None
    return postcodes.get(postcode_key(str(stored.get("POSTCODE") or "")))


def _number(stored: str | float | None) -> float | None:
    try:
        found = float(stored or "")
    except ValueError:
        return None
    return found if found >= -180 else None
