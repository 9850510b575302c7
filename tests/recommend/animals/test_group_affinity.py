"""What a visitor likes more than others do counts, and what everybody likes does not."""

import numpy as np
import pytest

from pawsonalize.core.times import HOUR
from pawsonalize.models.recipes.artefact import ModelCard
from pawsonalize.models.recipes.contract import Context, ContextEvent
from pawsonalize.models.recipes.data import Arrays, Scores
from pawsonalize.recommend.animals.available import Codes
from pawsonalize.recommend.animals.choices import MOST, ModelAffinity
from pawsonalize.recommend.groups import GroupScores
from pawsonalize.recommend.live_model import LoadedModel
from pawsonalize.resources.solutions import Cut, SolutionVersion
from tests.event_data import T0

CATALOGUE = ("cats", "dogs", "hamsters")
ANYBODY = {"cats": 0.6, "dogs": 0.3, "hamsters": 0.1}


class Tastes:
    """A model of a visitor that looks at dogs; `asked` has whom it was asked about, and when."""

    def __init__(self, looked: dict[str, float]) -> None:
        self.looked, self.item_ids = looked, CATALOGUE
        self.card = ModelCard("known", 1, {}, 0, "", {})
        self.asked: list[Context] = []

    def score_catalogue(self, context: Context) -> Scores:
        self.asked.append(context)
        return self.score(context, self.item_ids)

    def score(self, context: Context, items: tuple[str, ...]) -> Scores:
        known = self.looked if context.events else ANYBODY
        return np.array([known.get(item, 0) for item in items])

    def contributions(self, context: Context, items: tuple[str, ...]) -> dict[str, Scores]:
        return {}

    def arrays(self) -> Arrays:
        return {}


def asked(model: Tastes, *events: ContextEvent, at: int = T0, name: str = "v") -> GroupScores:
    version = SolutionVersion(name=name, solution="s", recipe="known", cut=Cut(0, T0))
    context = Context(events, at, np.ones(3, np.int64))
    scores = model.score_catalogue(context)
    return GroupScores(LoadedModel(version, model), model, context, scores)  # type: ignore[arg-type]


def of(affinity: ModelAffinity, groups: GroupScores, *names: str) -> list[float]:
    codes = Codes()
    present = np.array([codes[name] for name in names])
    return [float(each) for each in affinity.of(groups, codes, present)]


LOOKED = ContextEvent("dogs", "view", T0 - HOUR)


def test_a_group_counts_by_how_much_more_the_visitor_likes_it_than_others_do() -> None:
    model = Tastes({"cats": 0.3, "dogs": 0.6, "hamsters": 0.1})
    dogs, cats, hamsters = of(ModelAffinity(), asked(model, LOOKED), "dogs", "cats", "hamsters")
    assert dogs == pytest.approx(np.log(2))
    assert cats == pytest.approx(-np.log(2))
    assert hamsters == pytest.approx(0)


def test_of_whom_nothing_is_known_every_group_is_liked_the_same() -> None:
    model = Tastes({})
    assert of(ModelAffinity(), asked(model), *CATALOGUE) == [0, 0, 0]
    assert len(model.asked) == 1, "nobody in particular is not asked about"


def test_a_group_that_the_model_does_not_know_is_neither_liked_nor_disliked() -> None:
    model = Tastes({"dogs": 1.0})
    strange, cats = of(ModelAffinity(), asked(model, LOOKED), "ferrets", "cats")
    assert strange == 0
    assert cats == -MOST, "and no liking is without bounds"


def test_nobody_in_particular_is_asked_about_once_an_hour_and_model() -> None:
    model, affinity = Tastes({"dogs": 1.0}), ModelAffinity()
    for _ in range(3):
        of(affinity, asked(model, LOOKED), "dogs")
    of(affinity, asked(model, LOOKED, at=T0 + 1), "dogs")
    assert [context.now for context in model.asked if not context.events] == [T0]
    of(affinity, asked(model, LOOKED, at=T0 + HOUR), "dogs")
    assert [context.now for context in model.asked if not context.events] == [T0, T0 + HOUR]
    another = Tastes({"dogs": 0.3})
    assert of(affinity, asked(another, LOOKED, name="w"), "dogs") == [0]
