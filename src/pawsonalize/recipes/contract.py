"""What every recipe promises: `fit(data, settings, seed) -> model`, `model.score(context, items)`.

Recipes are pure: no clock, network, file or global random state. Time and seed are arguments.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from pawsonalize.recipes.facets import Facet, Facets

if TYPE_CHECKING:  # what counts is made of what stands here
    from pawsonalize.recipes.counts.memory import Countable

Floats = NDArray[np.float32] | NDArray[np.float64]
Arrays = Mapping[str, NDArray[Any]]

FOREVER = int(np.iinfo(np.int64).max)
"""The end of a stay that goes on."""


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
class StayColumns:
    """StayColumns of animals as columns of equal length; without any, availability is not known.

    An animal of item `item` (a code) is available from `since` until just before `until`
    (milliseconds since 1970, `FOREVER` while it waits).
    """

    item: NDArray[np.int32]
    since: NDArray[np.int64]
    until: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.item)

    @classmethod
    def unknown(cls) -> "StayColumns":
        """No stays at all."""
        return cls(np.zeros(0, np.int32), np.zeros(0, np.int64), np.zeros(0, np.int64))

    def as_of(self, moment: int, code: NDArray[np.integer]) -> "StayColumns":
        """What was known at the moment, item i renumbered `code[i]` (-1: left out)."""
        known = (self.since <= moment) & (code[self.item] >= 0)
        until = np.where(self.until > moment, FOREVER, self.until)
        return StayColumns(code[self.item[known]].astype(np.int32), self.since[known], until[known])

    def at(self, moment: int, n_items: int) -> NDArray[np.int64]:
        """Available animals of each item at the moment, shape (items,)."""
        there = (self.since <= moment) & (moment < self.until)
        return np.bincount(self.item[there], minlength=n_items)

    def mean(
        self, moments: NDArray[np.int64], weights: NDArray[np.floating], n_items: int
    ) -> NDArray[np.float32]:
        """Available animals of each item, the mean over weighted moments, shape (items,).

        So an animal counts by the weight of the moments it was available at.
        """
        order = np.argsort(moments, kind="stable")
        up_to = np.concatenate(([0.0], np.cumsum(weights[order], dtype=np.float64)))
        first, last = (np.searchsorted(moments[order], edge) for edge in (self.since, self.until))
        share = (up_to[last] - up_to[first]) / max(float(up_to[-1]), 1e-30)
        return np.bincount(self.item, share, minlength=n_items).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Returned:
    """Events that speak against an item: which, and when (milliseconds since 1970)."""

    item: NDArray[np.int32]
    time: NDArray[np.int64]

    @classmethod
    def nothing(cls) -> "Returned":
        """Nothing ever spoke against an item."""
        return cls(np.zeros(0, np.int32), np.zeros(0, np.int64))

    def __len__(self) -> int:
        return len(self.item)

    @property
    def newest(self) -> int:
        """The moment of the last one; long ago without any."""
        return int(self.time.max(initial=-(2**60)))

    def as_of(self, moment: int, position: NDArray[np.int64]) -> "Returned":
        """Those known by a moment, with items numbered anew (-1 for one that is left out)."""
        kept = self.time <= moment
        kept &= position[self.item] >= 0
        return Returned(position[self.item[kept]].astype(np.int32), self.time[kept])


@dataclass(frozen=True, slots=True)
class TrainingData:
    """Interactions as columns of equal length, sorted by user, then `(time, log offset)`."""

    user: NDArray[np.int32]
    item: NDArray[np.int32]
    """Positions in `item_ids`."""
    event_type: NDArray[np.int16]
    """Positions in `event_types`."""
    value: NDArray[np.float32]
    """NaN where an event has none."""
    time: NDArray[np.int64]
    """Milliseconds since 1970."""
    n_users: int
    item_ids: tuple[str, ...]
    """The whole catalogue, items that nobody has touched included."""
    event_types: tuple[str, ...]
    attributes: ItemAttributes
    """What describes the items; an item may be touched without being described."""
    as_of: int
    """The moment from which decay is counted."""
    stays: StayColumns = field(default_factory=StayColumns.unknown)
    """Which animals were available when, where that is known."""
    facets: Facets = field(default_factory=Facets.unknown)
    """What was known of each event's visitor beside events."""
    returned: Returned = field(default_factory=Returned.nothing)
    """Animals that came back: they speak against an item, and are no choices and no rows."""
    disliked: Returned = field(default_factory=Returned.nothing)
    """The same of dislikes."""

    def __len__(self) -> int:
        return len(self.item)

    def of_events(self, rows: NDArray[np.bool_]) -> "TrainingData":
        """The same with some of its events, by a mask; the catalogue and all else stay."""
        return replace(
            self,
            user=self.user[rows],
            item=self.item[rows],
            event_type=self.event_type[rows],
            value=self.value[rows],
            time=self.time[rows],
            facets=self.facets.of(rows),
        )


class ContextEvent(NamedTuple):
    """One past event as a model sees it; `time` in milliseconds since 1970."""

    item: str
    event_type: str
    time: int
    value: float | None = None


@dataclass(frozen=True, slots=True)
class Context:
    """What is known of a visitor; empty for an unknown one.

    Built by the same code for training, evaluation and serving.
    """

    events: tuple[ContextEvent, ...]
    """Newest first."""
    now: int
    """Milliseconds since 1970."""
    availability: NDArray[np.integer] | None = None
    """How many animals of each item are available, shape (items of the model,).

    A model may weigh by it; the caller leaves out items that have none. All ones ask for the
    weight of one animal of each. None: not known, so it is taken as usual.
    """
    facets: tuple[Facet, ...] = ()
    """What is known beside events."""
    disliked: tuple[ContextEvent, ...] = ()
    """Events that speak against items, newest first.

    A model need not read them: answers lose what they say against.
    """
    visitor: str | None = None
    """The user's id, or else the session's; for a model whose histories lie elsewhere."""


@dataclass(frozen=True, slots=True)
class ModelCard:
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
    def card(self) -> ModelCard:
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

    def refreshed(self, data: "Countable") -> "Model":
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


def counted_model(model: Model) -> Model:
    """What a model counted, without the ranker above it; a model that has none is that itself."""
    counted: Model = getattr(model, "counted", model)
    return counted


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

    def fit(self, data: "Countable", settings: SettingsT, seed: int) -> Model:
        """Train; same data, settings and seed give the same model, bit for bit."""
        ...

    def load(self, card: ModelCard, arrays: Arrays) -> Model:
        """Rebuild from an artefact (arrays may be read-only memory maps).

        Raises CorruptArtefact when the card's format or the arrays' shapes do not fit.
        """
        ...
