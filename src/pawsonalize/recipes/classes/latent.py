"""Latent classes of visitors: who looks at which animals, and with whom they live.

A visitor is of one of a few classes that nobody names. Each class looks at the species, and within
a species at its families, sizes and ages, in shares of its own, and has shares of its own of what
users say of themselves. So two events say more than two events: who looked at two small grown dogs
is likely of a class that looks at terriers as well.

Breeds are left out: there are many, and what a class makes of them its families say.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from pawsonalize.domain.errors import CorruptArtefact
from pawsonalize.domain.groups import AnimalGroup
from pawsonalize.domain.traits import SPECIES, TRAITS, Trait
from pawsonalize.recipes.artefact import pack_strings, take, unpack_strings
from pawsonalize.recipes.contract import Arrays, Context, Model
from pawsonalize.recipes.facets import Facet

Floats = NDArray[np.float64]
Value = tuple[str, Trait]
"""A look by its name: `("age", ("2", "1"))` are the babies among the dogs."""

CLASS_LOOKS = (SPECIES, "family", "size", "age")
_PREFIX = "classes."
_SPLIT = "\x1f"


@dataclass(frozen=True, slots=True, eq=False)
class LatentClasses:
    """The classes. `usual` (values,) is the expected share of somebody of whom nothing is known.

    Logs of shares: `size` (classes,) of the visitors that are of each class, `looks` (classes,
    values) of each value within what it is a part of, `told` (classes, facets) of each answer among
    those of its name.
    """

    values: Mapping[Value, int]
    facets: Mapping[Facet, int]
    size: Floats
    looks: Floats
    told: Floats
    usual: Floats
    _weight: Floats  # how far a class counts, given the species of a value
    _shares: Floats

    @classmethod
    def of(
        cls,
        values: Iterable[Value],
        facets: Iterable[Facet],
        size: Floats,
        looks: Floats,
        told: Floats,
    ) -> "LatentClasses":
        """The classes of these logs; each value's species must be among the values."""
        value = {name: code for code, name in enumerate(values)}
        facet = {name: code for code, name in enumerate(facets)}
        shares = np.exp(looks)
        weight = np.ones_like(shares)
        for (name, (species, _)), code in value.items():
            if name != SPECIES:
                weight[:, code] = shares[:, value[SPECIES, ("", species)]]
        usual = _expected(np.exp(size), weight, shares)
        return cls(value, facet, size, looks, told, usual, weight, shares)

    def expected(self, context: Context) -> Floats:
        """The share of each value that is expected of the visitor's next events, shape (values,).

        Of a look's values within a species, those sum to 1.
        """
        logs = self.size + self.looks[:, self._seen(context)].sum(axis=1)
        logs += self.told[
            :, [self.facets[one] for one in context.facets if one in self.facets]
        ].sum(axis=1)
        return _expected(np.exp(logs - logs.max()), self._weight, self._shares)

    def _seen(self, context: Context) -> list[int]:
        values = self.values
        return [
            values[value]
            for event in context.events
            for value in values_of(event.item)
            if value in values
        ]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The classes as plain arrays, named `classes.…`."""
        values = [_SPLIT.join((name, *look)) for name, look in self.values]
        return {
            **pack_strings(_PREFIX + "values", values),
            **pack_strings(_PREFIX + "facets", [_SPLIT.join(facet) for facet in self.facets]),
            _PREFIX + "size": self.size,
            _PREFIX + "looks": self.looks,
            _PREFIX + "told": self.told,
        }

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> "LatentClasses | None":
        """Rebuild; None where there are none, CorruptArtefact where they do not fit."""
        if _PREFIX + "size" not in arrays:
            return None
        values = [_parts(text, 3) for text in unpack_strings(_PREFIX + "values", arrays)]
        facets = [_parts(text, 2) for text in unpack_strings(_PREFIX + "facets", arrays)]
        size = _logs(arrays, "size", (None,))
        looks = _logs(arrays, "looks", (len(size), len(values)))
        told = _logs(arrays, "told", (len(size), len(facets)))
        try:
            return cls.of(
                [(name, (whole, value)) for name, whole, value in values],
                [(name, value) for name, value in facets],
                size,
                looks,
                told,
            )
        except KeyError as error:
            raise CorruptArtefact(f"the classes lack the species of {error}") from error


@runtime_checkable
class ClassingModel(Model, Protocol):
    """A model that may know classes of visitors."""

    @property
    def classes(self) -> LatentClasses | None:
        """Them, or None if the training found too little to tell them apart."""
        ...


def classes_of(model: Model) -> LatentClasses | None:
    """The classes of visitors that a model knows, if it knows any."""
    return model.classes if isinstance(model, ClassingModel) else None


@lru_cache(maxsize=65_536)
def values_of(item: str) -> tuple[Value, ...]:
    """What classes see of an item; nothing if it is no animal group."""
    group = AnimalGroup.parse(item)
    return () if group is None else tuple((name, TRAITS[name](group)) for name in CLASS_LOOKS)


def _expected(classes: Floats, weight: Floats, shares: Floats) -> Floats:
    """Mean shares over classes, each counting as far as the visitor is of it, given the species."""
    counts = classes[:, np.newaxis] * weight
    return np.asarray((counts * shares).sum(axis=0) / counts.sum(axis=0))


def _parts(text: str, size: int) -> list[str]:
    parts = text.split(_SPLIT)
    if len(parts) != size:
        raise CorruptArtefact(f"the classes have a name that is none: {text!r}")
    return parts


def _logs(arrays: Arrays, name: str, shape: tuple[int | None, ...]) -> Floats:
    logs = take(arrays, _PREFIX + name, np.float64, shape)
    if not (np.isfinite(logs) & (logs <= 0)).all():
        raise CorruptArtefact(f"array {_PREFIX + name!r} holds what is no log of a share")
    return logs
