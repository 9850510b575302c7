"""Facets: read from a request's context, an event and a user, and from the catalogue."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from pawsonalize.domain.breeds import family_of
from pawsonalize.domain.groups import AnimalGroup
from pawsonalize.domain.preferences import HOUSEHOLD, PREFERRED, SEPARATOR, USER_FACET, Preferences
from pawsonalize.domain.schemas import DatasetType, Schema
from pawsonalize.recipes.data import Facet, ItemAttributes
from pawsonalize.storage.animals.catalogue import Catalogue, Value

_GROUP_ATTRIBUTES = ("species", "breed", "size", "age", "family")
_OF_THE_ID = frozenset({"ANIMAL_TYPE", "ANIMAL_BREED", "ANIMAL_SIZE", "ANIMAL_AGE"})
_MAX_VALUES = 16  # of one attribute of one item
Columns = dict[str, list[list[str]]]
_CONTEXT = "context."
DEVICE, DISTANCE = _CONTEXT + "DEVICE", _CONTEXT + "DISTANCE"
_BANDS = (5.0, 15.0, 40.0, 100.0)  # km: the quarter, the town, the region, a day trip
_MAX_VALUE_CHARS = 64
_OWN_COLUMNS = frozenset({"EVENT_TYPE", "RECOMMENDATION_ID", "IMPRESSION"})
_ENCODE = msgspec.json.Encoder(order="deterministic").encode
_DECODE = msgspec.json.Decoder(dict[str, Any]).decode


# One path for training, evaluation and serving, so that a name means the same in all of them.
def item_attributes(item_ids: Sequence[str], catalogue: Catalogue) -> ItemAttributes:
    """Describe the items: animal groups by their ids, all items by the Items dataset."""
    groups = [AnimalGroup.parse(item_id) for item_id in item_ids]
    are_groups = any(groups)
    names = categorical(catalogue.schema(DatasetType.ITEMS))
    # Columns that repeat species, breed, size and age of the ids are left out.
    names = [name for name in names if not (are_groups and name in _OF_THE_ID)]
    columns: Columns = {}
    if are_groups or not names:
        for name in _GROUP_ATTRIBUTES:
            values = (None if group is None else _value_of(group, name) for group in groups)
            columns[name] = [[] if value is None else [value] for value in values]
    if names:
        described = {item.item_id: item.attributes for item in catalogue.items()}
        for name in names:
            rows = [described.get(item_id, {}).get(name) for item_id in item_ids]
            columns[name] = [values_of(value) for value in rows]
    return _coded(columns, len(item_ids))


def _value_of(group: AnimalGroup, name: str) -> str | None:
    if name == "family":  # an unknown breed has none
        return family_of(group.species, group.breed)
    return str(getattr(group, name))


def categorical(schema: Schema | None) -> list[str]:
    """The names of the schema's categorical columns, without the ids."""
    fields = () if schema is None else schema.fields
    return [f.name for f in fields if f.categorical and f.name not in {"ITEM_ID", "USER_ID"}]


def values_of(value: Value) -> list[str]:
    """The values of a categorical column, each once: `a|b` has two."""
    if value is None:
        return []
    text = f"{value:g}" if isinstance(value, float) else str(value)
    parts = (part.strip() for part in text.split(SEPARATOR))
    return list(dict.fromkeys(part for part in parts if part))[:_MAX_VALUES]


def _coded(columns: Columns, n_items: int) -> ItemAttributes:
    coded: list[tuple[str, tuple[str, ...], list[int]]] = []
    for name, rows in columns.items():
        code: dict[str, int] = {}
        found = [[code.setdefault(value, len(code)) for value in row] for row in rows]
        for place in range(max(map(len, found), default=0) or 1):
            codes_at = [row[place] if place < len(row) else -1 for row in found]
            coded.append((name, tuple(code), codes_at))
    codes = np.array([codes for _, _, codes in coded], np.int32).reshape(len(coded), n_items)
    return ItemAttributes(
        tuple(name for name, _, _ in coded),
        tuple(values for _, values, _ in coded),
        np.ascontiguousarray(codes.T),
    )


class FacetReader(msgspec.Struct, frozen=True):
    """Reads facets: values of the datasets' categorical columns, and of a few of our own."""

    # Names count without case and `_`: `deviceKind` and `DEVICE_KIND` are the same.

    context: Mapping[str, str]
    user: frozenset[str]

    @classmethod
    def of(cls, catalogue: Catalogue) -> "FacetReader":
        """A reader for the schemas as they are now."""
        columns = (*categorical(catalogue.schema(DatasetType.INTERACTIONS)), "DEVICE")
        users = categorical(catalogue.schema(DatasetType.USERS))
        shows = catalogue.shows  # some columns are read without a schema
        return cls(
            {
                _plain(name): _CONTEXT + name
                for name in columns
                if name not in _OWN_COLUMNS and shows(DatasetType.INTERACTIONS, name)
            },
            frozenset(
                name for name in (*users, *PREFERRED, *HOUSEHOLD) if shows(DatasetType.USERS, name)
            ),
        )

    @classmethod
    def restrict_to(cls, names: Iterable[str]) -> "FacetReader":
        """A reader of these facets only, for a model that knows them."""
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
    """The properties of an event in which a reader finds these facets again."""
    properties: dict[str, str | float] = {}
    for name, value in facets:
        if name == DISTANCE:
            # Read again, the lower end of a band is in that band.
            properties["DISTANCE_KM"] = (0.0, *_BANDS)[int(value)]
        else:
            properties[name.removeprefix(_CONTEXT)] = value
    return _ENCODE(properties).decode() if properties else None


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
