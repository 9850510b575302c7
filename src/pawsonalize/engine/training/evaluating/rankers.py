"""The baselines of a hold-out, told of a visitor what a model is told."""

from collections.abc import Mapping
from functools import partial

import numpy as np
from numpy.typing import NDArray

from pawsonalize.engine.training.evaluating.holdout import Holdout, only_there
from pawsonalize.evaluation.baselines import (
    Baseline,
    by_attributes,
    by_chance,
    by_own_history,
    by_popularity,
    popularity_shares,
)
from pawsonalize.evaluation.judging import Ranker

RANDOM, POPULARITY = "random", "popularity"
OWN_HISTORY, ATTRIBUTES = "repeat own history", "attributes only"


def baselines(holdout: Holdout, seed: int) -> Mapping[str, Ranker]:
    """Every baseline, made from the training part alone, by its name."""
    training = holdout.training
    n_items = len(training.item_ids)
    shares = popularity_shares(training.user, training.item, n_items)
    made = {
        RANDOM: by_chance(n_items, seed),
        POPULARITY: by_popularity(shares),
        OWN_HISTORY: by_own_history(shares),
        ATTRIBUTES: by_attributes(training.attributes.codes),
    }
    histories = _histories(holdout)
    return {name: partial(_ask, holdout, baseline, histories) for name, baseline in made.items()}


def popularity(holdout: Holdout) -> Ranker:
    """The baseline of that name alone."""
    training = holdout.training
    shares = popularity_shares(training.user, training.item, len(training.item_ids))
    return lambda question: only_there(shares, holdout.supply(question))


def _ask(
    holdout: Holdout, baseline: Baseline, histories: list[NDArray[np.int64]], question: int
) -> NDArray[np.floating]:
    return only_there(baseline(histories[question], question), holdout.supply(question))


def _histories(holdout: Holdout) -> list[NDArray[np.int64]]:
    """The contexts' items as positions among the candidates, newest first."""
    place = {item: position for position, item in enumerate(holdout.training.item_ids)}
    return [
        np.array([place[seen.item] for seen in context.events if seen.item in place], np.int64)
        for context in holdout.contexts
    ]
