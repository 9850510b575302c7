"""What every recipe promises: `fit(data, settings, seed) -> model`, `model.score(context, items)`.

Recipes are pure: no clock, network, file or global random state. Time and seed are arguments.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from pawsonalize.recipes.facets import Facet, Facets
from pawsonalize.recipes.returned import Returned
from pawsonalize.recipes.stock import Stock

Floats = NDArray[np.float32] | NDArray[np.float64]
Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class ItemAttributes:
    """Categorical attributes of the catalogue, as codes.

    `codes[i, a]` is item i's value of attribute `names[a]` as an index into `values[a]`, or -1
    when it has none. A name given more than once is one attribute with several values: a column
    for each. For animal groups the names are species, breed, size and age.
    """

    names: tuple[str, ...]
    values: tuple[tuple[str, ...], ...]
    codes: NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class TrainingData:
    """Interactions as columns of equal length N, sorted by user, then `(time, log offset)`.

    Codes index the id tuples. `time` is milliseconds since 1970, `value` NaN where an event has
    none, `as_of` the moment from which decay is counted. `item_ids` is the whole catalogue:
    items nobody has touched are in it, and an item may be touched without being described.
    `stock` says which animals were available when, where that is known; `facets` what was known of
    each event's visitor beside events. `returned` and `disliked` are events that speak against an
    item: no choices, and no rows.
    """

    user: NDArray[np.int32]
    item: NDArray[np.int32]
    event_type: NDArray[np.int16]
    value: NDArray[np.float32]
    time: NDArray[np.int64]
    n_users: int
    item_ids: tuple[str, ...]
    event_types: tuple[str, ...]
    attributes: ItemAttributes
    as_of: int
    stock: Stock = field(default_factory=Stock.unknown)
    facets: Facets = field(default_factory=Facets.unknown)
    returned: Returned = field(default_factory=Returned.nothing)
    disliked: Returned = field(default_factory=Returned.nothing)

    def __len__(self) -> int:
        return len(self.item)


@dataclass(frozen=True, slots=True)
class Seen:
    """One past event as a model sees it; `time` in milliseconds since 1970."""

    item: str
    event_type: str
    time: int
    value: float | None = None


@dataclass(frozen=True, slots=True)
class Context:
    """What is known of a visitor at `now` (milliseconds since 1970): events, newest first.

    Built by the same code for training, evaluation and serving. Empty for an unknown visitor.
    `supply` says how many animals of each item are available, shape (items of the model,): a
    model may weigh by it, and who asks leaves out what has none. All ones ask for the weight of
    one animal of each. None: not known, so the supply is taken as usual. `facets` is what is known
    beside events. `disliked` are events that speak against items, newest first: a model need not
    read them, since answers lose what they say against (see `engine/serving/context.py`).
    """

    events: tuple[Seen, ...]
    now: int
    supply: NDArray[np.integer] | None = None
    facets: tuple[Facet, ...] = ()
    disliked: tuple[Seen, ...] = ()


@dataclass(frozen=True, slots=True)
class Card:
    """The JSON beside a model's arrays: what it is and what it was made of.

    `format` grows when the arrays' meaning changes, so an old artefact is recognised.
    """

    recipe: str
    format: int
    settings: Mapping[str, Any]
    seed: int
    fingerprint: str
    extra: Mapping[str, Any]


class Model(Protocol):
    """A trained model, immutable: it exists only once it is fitted."""

    @property
    def card(self) -> Card:
        """What the model was made of."""
        ...

    @property
    def item_ids(self) -> tuple[str, ...]:
        """The catalogue, in the order of `score_catalogue`."""
        ...

    def score_catalogue(self, context: Context) -> Floats:
        """Weights of the whole catalogue, shape (items,).

        Finite, at least 0, and summing to 1; all 0 only where there is nothing to propose: the
        catalogue is empty, or holds but the item in question of a recipe that leaves it out.
        """
        ...

    def score(self, context: Context, items: Sequence[str]) -> Floats:
        """Weights of the given item ids, shape (len(items),), on the scale of `score_catalogue`.

        Finite and at least 0. A group outside the catalogue is scored by what is known of its
        attributes; 0 means that nothing is known. Never raises for any text.
        """
        ...

    def contributions(self, context: Context, items: Sequence[str]) -> Mapping[str, Floats]:
        """What each part of the model adds to an item's utility, by the part's name.

        Exact: the parts, some of which may be negative, add up to the utility. In one context the
        score grows with it: it is the score itself, or the log of the score up to a constant.
        """
        ...

    def refreshed(self, data: TrainingData) -> "Model":
        """A model with the counts of a fit on `data`, bit for bit; this one stays as it is.

        Counting is the quick part of a training, so between trainings a model stays fresh by
        counting the whole log again: there is no sum that could drift from what a fit counts. What
        was learned above the counts stays the training's, and knows nothing of what came since.
        """
        ...

    def arrays(self) -> Arrays:
        """Everything `Recipe.load` needs beside the card; plain arrays, no objects."""
        ...


@runtime_checkable
class FacetedModel(Model, Protocol):
    """A model that reads facets of its visitors."""

    @property
    def facet_names(self) -> frozenset[str]:
        """The names of the facets that may change an answer."""
        ...


@runtime_checkable
class InfluencedModel(Model, Protocol):
    """A model in which popularity and freshness count as much as who serves it says."""

    def influenced(self, popularity: float | None, freshness: float | None) -> "InfluencedModel":
        """The same model with other influences, 0 to 1; None leaves that of the training.

        Nothing is counted or copied; this one stays as it is, and the card stays the version's.
        """
        ...


SettingsT = TypeVar("SettingsT")


class Recipe(Protocol[SettingsT]):
    """An algorithm with its settings class (a frozen dataclass of plain values, all defaulted)."""

    @property
    def name(self) -> str:
        """The field's name of the recipe, as in `user-personalization`."""
        ...

    @property
    def needs_item(self) -> bool:
        """Whether it answers what is like an item, so that a question has to name one."""
        ...

    @property
    def settings(self) -> type[SettingsT]:
        """The class of its settings."""
        ...

    def fit(self, data: TrainingData, settings: SettingsT, seed: int) -> Model:
        """Train; same data, settings and seed give the same model, bit for bit."""
        ...

    def load(self, card: Card, arrays: Arrays) -> Model:
        """Rebuild from an artefact (arrays may be read-only memory maps).

        Raises CorruptArtefact when the card's format or the arrays' shapes do not fit.
        """
        ...
