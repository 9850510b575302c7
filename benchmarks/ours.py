"""Pawsonalize's own recipe in the next-item benchmark, and parts of it as ablations."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from msgspec.structs import fields, replace
from numpy.typing import NDArray

from benchmarks.child import Missing
from benchmarks.interactions import HOUR, Interactions
from benchmarks.next_item_task import Scorer, Task
from pawsonalize.models.recipes.catalogue import recipe_named
from pawsonalize.models.recipes.contract import Context, ContextEvent, Model
from pawsonalize.models.recipes.data import ItemAttributes, TrainingData
from pawsonalize.models.recipes.user_personalization import UserPersonalizationModel

RECIPE = "user-personalization"
_READ = 200  # events of a context, as in serving

# What each variant sets; the recipe must have all of it.
VARIANTS: Mapping[str, Mapping[str, Any]] = {
    "default": {},
    "mixture": {"learn": False},
    "trees": {},
    "linear": {},
    "transitions": {
        "learn": False,
        "transition_weight": 1.0,
        "covisit_weight": 0.0,
        "related_items_weight": 0.0,
    },
}
# Trees are added to a linear blend with the weight that held-out users say; these fix it.
_TREES = {"trees": 1.0, "linear": 0.0}


def fit_ours(variant: str) -> Callable[[Task, int], Scorer]:
    """How to fit the recipe in that variant."""

    def fit(task: Task, seed: int) -> Scorer:
        recipe = recipe_named(RECIPE)
        settings = recipe.settings(**_settings(recipe.settings, variant))
        model = recipe.fit(training_data(task), settings, seed)
        if variant in _TREES:
            model = _weighted(model, _TREES[variant])

        def scores(target: int) -> NDArray[np.floating]:
            return model.score_catalogue(context(task.data, target))

        return scores

    return fit


def _settings(kind: type[Any], variant: str) -> dict[str, Any]:
    """The variant's settings, and no repeats: what was seen is never a right answer here."""
    wanted = {**VARIANTS[variant], "repeats": False}
    lacking = sorted(set(wanted) - {field.name for field in fields(kind)})
    if lacking:
        raise Missing(f"{RECIPE} has no setting {', '.join(lacking)}")
    return wanted


def _weighted(model: Model, weight: float) -> Model:
    """The same model with another weight of the trees on top of the linear blend."""
    if not isinstance(model, UserPersonalizationModel) or model.learned is None:
        raise Missing("nothing was learned: the data are too few")
    ranker = model.learned.ranker
    if weight and ranker.trees is None:
        raise Missing("no trees were grown: the linear blend alone was better")
    ranker = replace(ranker, weight=weight, trees=ranker.trees if weight else None)
    return replace(model, learned=replace(model.learned, ranker=ranker))


def training_data(task: Task) -> TrainingData:
    """The rows to learn from, as recipes get them."""
    data, rows = task.data, task.train
    return TrainingData(
        user=data.user[rows],
        item=data.item[rows],
        event_type=data.event_type[rows],
        value=np.full(int(rows.sum()), np.nan, np.float32),
        time=data.time[rows],
        n_users=data.n_users,
        item_ids=data.item_ids,
        event_types=data.event_types,
        attributes=item_attributes(data),
        as_of=int(data.time[rows].max(initial=0)) + HOUR,
    )


def item_attributes(data: Interactions) -> ItemAttributes:
    """The items' attributes: one name as often as the longest list has values.

    The contract holds one value per column and item; columns of one name are one attribute.
    """
    width = max(map(len, data.attributes), default=0)
    values = tuple(sorted({value for row in data.attributes for value in row}))
    code = {value: place for place, value in enumerate(values)}
    codes = np.full((data.n_items, width), -1, np.int32)
    for item, row in enumerate(data.attributes):
        codes[item, : len(row)] = [code[value] for value in row]
    return ItemAttributes(("attribute",) * width, (values,) * width, codes)


def context(data: Interactions, target: int) -> Context:
    """What the user had done before the target, newest first."""
    first = max(int(data.start[data.user[target]]), target - _READ)
    rows = range(target - 1, first - 1, -1)
    events = (
        ContextEvent(
            data.item_ids[data.item[row]],
            data.event_types[data.event_type[row]],
            int(data.time[row]),
        )
        for row in rows
    )
    return Context(tuple(events), int(data.time[target]))
