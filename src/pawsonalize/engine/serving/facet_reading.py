"""Reading facets: from a request's context, an event's properties and a user's attributes.

One path for training, evaluation and serving, so that a name means the same in all of them.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from pawsonalize.domain.preferences import HOUSEHOLD, PREFERRED, USER_FACET, Preferences
from pawsonalize.domain.schemas import DatasetType
from pawsonalize.engine.serving.item_attributes import categorical, values_of
from pawsonalize.recipes.facets import Facet
from pawsonalize.storage.base import Catalogue, Value

_CONTEXT = "context."
DEVICE, DISTANCE = _CONTEXT + "DEVICE", _CONTEXT + "DISTANCE"
_BANDS = (5.0, 15.0, 40.0, 100.0)  # km: the quarter, the town, the region, a day trip
_MAX_VALUE_CHARS = 64
_OWN_COLUMNS = frozenset({"EVENT_TYPE", "RECOMMENDATION_ID", "IMPRESSION"})
_ENCODE = msgspec.json.Encoder(order="deterministic").encode
_DECODE = msgspec.json.Decoder(dict[str, Any]).decode


@dataclass(frozen=True, slots=True)
class FacetReader:
    """Knows which names are facets: of the datasets' categorical columns, and a few of our own.

    `context` maps names without case and `_` to facets, as `deviceKind` and `DEVICE_KIND` are one.
    """

    context: Mapping[str, str]
    user: frozenset[str]

    @classmethod
    def of(cls, catalogue: Catalogue) -> "FacetReader":
        """By the schemas as they are now."""
        columns = categorical(catalogue.schema(DatasetType.INTERACTIONS))
        names = {_plain(name): _CONTEXT + name for name in columns if name not in _OWN_COLUMNS}
        own = (*PREFERRED, *HOUSEHOLD)
        users = categorical(catalogue.schema(DatasetType.USERS))
        return cls({**names, "DEVICE": DEVICE}, frozenset((*users, *own)))

    @classmethod
    def knowing(cls, names: Iterable[str]) -> "FacetReader":
        """One that reads just the facets of these names, those a model knows."""
        context = [name for name in names if name.startswith(_CONTEXT)]
        return cls(
            {_plain(name.removeprefix(_CONTEXT)): name for name in context},
            frozenset(n.removeprefix(USER_FACET) for n in names if n.startswith(USER_FACET)),
        )

    def of_context(self, given: Mapping[str, Any]) -> Iterator[Facet]:
        """The facets of a request's context or an event's properties; the rest is ignored."""
        for name, value in given.items():
            plain = _plain(name)
            if plain == "DISTANCEKM":
                yield from _distance(value)
            elif plain in self.context and isinstance(value, str | int | float):
                for one in values_of(value)[:1]:
                    yield self.context[plain], one[:_MAX_VALUE_CHARS].lower()

    def of_properties(self, properties: str | None) -> Iterator[Facet]:
        """The same of the JSON text that an event is stored with."""
        if properties is not None:
            yield from self.of_context(_DECODE(properties))

    def of_user(self, attributes: Mapping[str, Value]) -> Iterator[Facet]:
        """The facets of a user's stored attributes."""
        for name, value in attributes.items():
            if name in self.user:
                for one in values_of(value):
                    yield USER_FACET + name, one[:_MAX_VALUE_CHARS]


def as_properties(facets: Iterable[Facet]) -> str | None:
    """The least an event may say in its properties for a reader to find these facets again."""
    said: dict[str, str | float] = {}
    for name, value in facets:
        if name == DISTANCE:
            said["DISTANCE_KM"] = (0.0, *_BANDS)[int(value)]
        else:
            said[name.removeprefix(_CONTEXT)] = value
    return _ENCODE(said).decode() if said else None


def of_preferences(preferences: Preferences) -> Iterator[Facet]:
    """The facets of the quiz's answers."""
    for name, value in preferences.attributes().items():
        for one in values_of(value):
            yield USER_FACET + name, one


def _plain(name: str) -> str:
    return name.upper().replace("_", "")


def _distance(value: object) -> Iterator[Facet]:
    try:
        distance = float(value)  # type: ignore[arg-type]  # whatever it is, it is tried
    except (TypeError, ValueError):
        return
    if distance >= 0:  # and not NaN
        yield DISTANCE, str(bisect_right(_BANDS, distance))
