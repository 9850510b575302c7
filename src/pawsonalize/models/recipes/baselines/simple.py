"""`random`, `own-history` and `attributes`: what needs no learning."""

from collections.abc import Mapping
from typing import Annotated

import numpy as np

from pawsonalize.models.evaluation.splits import by_attributes, by_chance, by_own_history
from pawsonalize.models.recipes import ATTRIBUTES, OWN_HISTORY, RANDOM
from pawsonalize.models.recipes.artefact import Kept
from pawsonalize.models.recipes.baselines.history import Baseline, HistoryModel
from pawsonalize.models.recipes.data import Floats, Int32s, Ints, TrainingData


class RandomModel(HistoryModel, frozen=True, dict=True):
    """A random order for each visitor and moment."""

    part = "chance"

    def weigh(self, history: Ints, question: int) -> Floats:
        """Return numbers from 0 to 1, the same for the same question."""
        return by_chance(len(self.share), self.card.seed)(history, question)


class Random(Baseline):
    """Every order as likely as any other."""

    name = RANDOM
    model = RandomModel


class OwnHistoryModel(HistoryModel, frozen=True, dict=True):
    """The visitor's own items, the newest first, then what is popular."""

    part = "own history"

    def weigh(self, history: Ints, question: int) -> Floats:
        """Return 2 to 3 for the visitor's own items, and 0 for others."""
        return by_own_history(np.zeros(len(self.share)))(history, question)


class OwnHistory(Baseline):
    """The visitor's own items again, the newest first; then what is popular."""

    name = OWN_HISTORY
    model = OwnHistoryModel


class AttributesModel(HistoryModel, frozen=True, dict=True):
    """Attributes of the items, as in `ItemAttributes.codes`, an attribute each row."""

    codes: Annotated[Int32s, Kept("codes", "attributes items")]
    part = "related items"

    def weigh(self, history: Ints, question: int) -> Floats:
        """Return the number of attributes that each item shares with the visitor's items."""
        return by_attributes(self.codes.T)(history, question)


class Attributes(Baseline):
    """The number of attributes that an item shares with those that the visitor had."""

    name = ATTRIBUTES
    model = AttributesModel

    def learn(self, events: TrainingData, _settings: object) -> Mapping[str, object]:
        """Return the attributes."""
        return {"codes": events.attributes.codes.T.copy()}
