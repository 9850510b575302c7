"""Contract of recipes. They are pure: time and seed are arguments, there is no global state."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from pawsonalize.core.preferences import WantedValues
from pawsonalize.models.recipes.artefact import ModelCard
from pawsonalize.models.recipes.counts.counting import Countable
from pawsonalize.models.recipes.data import Arrays, Facet, Scores

SettingsT = TypeVar("SettingsT")


class ContextEvent(NamedTuple):
    """One past event as a model sees it; `time` in milliseconds since 1970."""

    item: str
    event_type: str
    time: int
    value: float | None = None


class Context(msgspec.Struct, frozen=True):
    """Known facts of a visitor; built by one code for training, evaluation and serving."""

    events: tuple[ContextEvent, ...]  # newest first
    now: int  # milliseconds since 1970
    availability: NDArray[np.integer] | None = None
    """Available animals of each item of the model, shape (items,); None if not known.

    All ones ask for the weight of one animal of each item.
    """
    facets: tuple[Facet, ...] = ()
    # Events that speak against items, newest first; answers lose them whatever the model does.
    disliked: tuple[ContextEvent, ...] = ()
    # The user's id, or else the session's; for a model whose histories lie elsewhere.
    visitor: str | None = None
    # The same as `core.event.digest_number`, which a hold-out knows as well; None of nobody.
    digest: int | None = None
    # The answers of the quiz: what was done before and they speak against counts no more.
    wishes: tuple[WantedValues, ...] = ()
    picked: bool = True  # False if no event answers a board, which says nothing of groups


class Scorer(Protocol):
    """What orders a catalogue for a visitor."""

    @property
    def item_ids(self) -> tuple[str, ...]:
        """The catalogue, in the order of `score_catalogue`."""

    def score_catalogue(self, context: Context) -> Scores:
        """Scores of the whole catalogue, more is better, shape (items,)."""


class Model(Scorer, Protocol):
    """A trained model, immutable: it exists only once it is fitted."""

    @property
    def card(self) -> ModelCard:
        """Card of the data and settings that the model was made of."""

    def score_catalogue(self, context: Context) -> Scores:
        """Weights of the whole catalogue, finite, at least 0 and summing to 1, shape (items,).

        All 0 only where the catalogue is empty, or holds nothing but the item in question.
        """

    def score(self, context: Context, items: Sequence[str]) -> Scores:
        """Weights of any ids, on the scale of `score_catalogue`; never raises for a text.

        A group outside the catalogue is scored by its attributes; 0 means that nothing is known.
        """

    def contributions(self, context: Context, items: Sequence[str]) -> Mapping[str, Scores]:
        """Parts of items' utilities, which add up exactly; scores or their logs grow with it."""

    def arrays(self) -> Arrays:
        """Everything `Recipe.load` needs beside the card; plain arrays, no objects."""


def counted_model(model: Model) -> Model:
    """Return the model of counts without its ranker; a model without one is that itself."""
    counted: Model = getattr(model, "counted", model)
    return counted


class Recipe(Protocol[SettingsT]):
    """An algorithm with its settings class (a frozen dataclass of plain values, all defaulted)."""

    @property
    def name(self) -> str:
        """The field's name of the recipe, as in `user-personalization`."""

    @property
    def needs_item(self) -> bool:
        """True if it answers what is like an item, so that a question has to name one."""

    @property
    def settings(self) -> type[SettingsT]:
        """The class of its settings."""

    def fit(self, data: Countable, settings: SettingsT, seed: int) -> Model:
        """Train; same data, settings and seed give the same model, bit for bit."""

    def load(self, card: ModelCard, arrays: Arrays) -> Model:
        """Rebuild from arrays, maybe read-only maps; CorruptArtefact if they misfit the card."""


AnyRecipe = Recipe[Any]
"""A recipe with settings of whatever class is its own."""
