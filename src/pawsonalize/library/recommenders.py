"""Recommenders for notebooks: recipes with their settings, and models of others."""

import re
from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple, Protocol

import msgspec
import numpy as np
from msgspec.structs import replace

from pawsonalize.core.errors import InvalidInput
from pawsonalize.library.dataset import Dataset
from pawsonalize.library.tables import Table
from pawsonalize.models.recipes.adapted import scores_of
from pawsonalize.models.recipes.catalogue import recipe_named
from pawsonalize.models.recipes.contract import Context, ContextEvent, Recipe, Scorer
from pawsonalize.models.recipes.data import Scores, TrainingData
from pawsonalize.recommend.query import MAX_CONTEXT_EVENTS
from pawsonalize.train.holdout import ALL_EVENTS, context_before
from pawsonalize.train.solutions import read_settings


class PlainModel(Protocol):
    """What a class of your own needs: `fit` and `score`."""

    def fit(self, data: TrainingData) -> object:
        """Learn from columns: `data.user[e]` chose `data.item_ids[data.item[e]]`."""

    def score(self, context: Context, items: Sequence[str]) -> Any:
        """Return a score of each item for a visitor with `context.events`, newest first."""


class Recommender:
    """A recipe with settings, which `fit` turns into a model.

    `Recommender("user-personalization", repeats=False)` takes any recipe by its name, also one of
    another distribution; its settings are those of docs/reference/recipes.md.
    """

    recipe: ClassVar[str] = ""
    """Name of the recipe; that of a subclass."""
    most_events: ClassVar[int] = MAX_CONTEXT_EVENTS
    """Events of a visitor that an answer reads, the newest: as many as in the service."""

    def __init__(self, recipe: str = "", /, **settings: Any) -> None:
        self._recipe: Recipe[Any] = recipe_named(recipe or self.recipe)
        self._settings = read_settings(self._recipe.settings, settings)
        given = ", ".join(f"{name}={value}" for name, value in settings.items())
        name = recipe or type(self).__name__
        self.name = f"{name}({given})" if given else name

    def __repr__(self) -> str:
        return self.name

    def fit(self, data: Dataset, seed: int = 0) -> "FittedRecommender":
        """Train on all interactions; the same data and seed give the same model."""
        return FittedRecommender(self.fit_events(data.events, seed), data, self.most_events)

    def fit_events(self, events: TrainingData, seed: int) -> Scorer:
        """Train on columns of interactions."""
        return self._recipe.fit(events, self._settings, seed)


class Baseline(Recommender):
    """A simple recipe, which reads all of a visitor's events."""

    most_events = ALL_EVENTS


class Random(Baseline):
    """Every order is as likely as any other."""

    recipe = "random"


class Popularity(Baseline):
    """What most users chose lately; with `unseen=True` without what the user had."""

    recipe = "popularity-count"


class OwnHistory(Baseline):
    """What the user had before, the newest first."""

    recipe = "own-history"


class Attributes(Baseline):
    """Items that share attributes with those that the user had."""

    recipe = "attributes"


class ItemKNN(Baseline):
    """Items with the most users in common, by the cosine of their users."""

    recipe = "item-knn"


class Transitions(Baseline):
    """Items that users chose right after an item."""

    recipe = "item-transitions"


class EASE(Baseline):
    """A linear model of the items that are had together (Steck 2019); up to 10,000 items."""

    recipe = "ease"


class TrendingNow(Recommender):
    """Items whose share of the choices grows fastest."""

    recipe = "trending-now"


class UserPersonalization(Recommender):
    """The default of the service: counts of items, users and steps, and trees that order them."""

    recipe = "user-personalization"


class FittedRecommender(msgspec.Struct, frozen=True):
    """A recommender that is fitted, with the data that it was fitted on."""

    model: Scorer
    data: Dataset
    most_events: int = MAX_CONTEXT_EVENTS

    def recommend(self, users: Sequence[str], k: int = 10) -> Table:
        """Return the best k items for each user, after all that the user did in the data.

        The table has the columns user, item, score and rank, which counts from 1.
        """
        rows: list[tuple[str, str, float, int]] = []
        for user in [users] if isinstance(users, str) else users:
            history = self.data.history(user)
            context = context_before(self.data.events, history.start, history.stop, ALL_EVENTS)
            rows += [(user, *best) for best in self._best(context, k)]
        return Table.of(("user", "item", "score", "rank"), rows)

    def recommend_after(self, items: Sequence[str], k: int = 10) -> Table:
        """Return the best k items for a visitor who chose these, the newest last."""
        now = self.data.events.as_of
        events = (ContextEvent(str(item), "view", now) for item in reversed(items))
        return Table.of(("item", "score", "rank"), self._best(Context(tuple(events), now), k))

    def _best(self, context: Context, k: int) -> list[tuple[str, float, int]]:
        recent = replace(context, events=context.events[: self.most_events])
        scores = np.asarray(self.model.score_catalogue(recent), np.float64)
        best = np.argsort(-scores, kind="stable")[:k]
        ranked = enumerate(best[scores[best] > -np.inf].tolist(), 1)
        return [(self.model.item_ids[item], float(scores[item]), rank) for rank, item in ranked]


class OwnModel(Recommender):
    """A class of your own as a recommender; `evaluate` makes it of a `PlainModel`."""

    most_events = ALL_EVENTS

    def __init__(self, model: PlainModel) -> None:
        for method in ("fit", "score"):
            if not callable(getattr(model, method, None)):
                raise InvalidInput(
                    f"{model!r:.60} has no method {method}: a model has fit(data) and"
                    " score(context, items)",
                    field="models",
                )
        self._model, self.name = model, type(model).__name__

    def fit_events(self, events: TrainingData, seed: int) -> Scorer:  # noqa: ARG002
        """Fit the model; it takes no seed."""
        self._model.fit(events)
        return _CheckedScores(self.name, self._model, events.item_ids)


class _CheckedScores(NamedTuple):
    """Scores of a model of others, checked."""

    name: str
    model: PlainModel
    item_ids: tuple[str, ...]

    def score_catalogue(self, context: Context) -> Scores:
        return scores_of(self.model, self.name, context, self.item_ids)


def named(models: Sequence[Recommender | PlainModel | type]) -> dict[str, Recommender]:
    """Return recommenders by their names; two of a name are counted: `EASE`, `EASE 2`."""
    found: dict[str, Recommender] = {}
    for model in models:
        made: Any = model() if isinstance(model, type) else model
        recommender = made if isinstance(made, Recommender) else OwnModel(made)
        same = [one for one in found if re.sub(r" \d+$", "", one) == recommender.name]
        found[f"{recommender.name} {len(same) + 1}" if same else recommender.name] = recommender
    if not found:
        raise InvalidInput("name at least one model", field="models")
    return found
