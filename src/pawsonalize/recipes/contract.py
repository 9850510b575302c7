"""Contract of recipes: `fit(data, settings, seed) -> model`, `model.score(context, items)`.

Recipes are pure: no clock, network, file or global random state. Time and seed are arguments.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from pawsonalize.recipes.artefact import ModelCard
from pawsonalize.recipes.counts.counting import Countable
from pawsonalize.recipes.data import Arrays, Facet, Floats


class ContextEvent(NamedTuple):
    """One past event as a model sees it; `time` in milliseconds since 1970."""

    item: str
    event_type: str
    time: int
    value: float | None = None


@dataclass(frozen=True, slots=True)
class Context:
    """Known facts of a visitor; empty for an unknown one.

    Built by the same code for training, evaluation and serving.
    """

    events: tuple[ContextEvent, ...]
    """Newest first."""
    now: int
    """Milliseconds since 1970."""
    availability: NDArray[np.integer] | None = None
    """Number of available animals of each item, shape (items of the model,).

    A model may weigh by it; the caller leaves out items that have none. All ones ask for the
    weight of one animal of each. None: not known, so it is taken as usual.
    """
    facets: tuple[Facet, ...] = ()
    """Facts about the visitor beside events."""
    disliked: tuple[ContextEvent, ...] = ()
    """Events that speak against items, newest first.

    A model need not read them: answers lose what they say against.
    """
    visitor: str | None = None
    """The user's id, or else the session's; for a model whose histories lie elsewhere."""


class Model(Protocol):
    """A trained model, immutable: it exists only once it is fitted."""

    @property
    def card(self) -> ModelCard:
        """Card of the data and settings that the model was made of."""
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
        """Return the share of each part of the model in an item's utility, by the part's name.

        Exact: the parts, some of which may be negative, add up to the utility. In one context the
        score grows with it: it is the score itself, or the log of the score up to a constant.
        """
        ...

    def refreshed(self, data: Countable) -> "Model":
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
    """Return the model of counts without its ranker; a model without one is that itself."""
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

    def fit(self, data: Countable, settings: SettingsT, seed: int) -> Model:
        """Train; same data, settings and seed give the same model, bit for bit."""
        ...

    def load(self, card: ModelCard, arrays: Arrays) -> Model:
        """Rebuild from an artefact (arrays may be read-only memory maps).

        Raises CorruptArtefact when the card's format or the arrays' shapes do not fit.
        """
        ...
