"""The gate's evidence: nobody is told too early, and what is better shows."""

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace
from numpy.typing import NDArray

from pawsonalize.animals.tables.catalogue import Catalogue, Item
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.models.evaluation.gate import Evidence, RuleOutcome, decide
from pawsonalize.models.evaluation.gate_settings import GateSettings
from pawsonalize.models.recipes.catalogue import RECIPES, recipe_named
from pawsonalize.models.recipes.contract import Context, Model
from pawsonalize.models.recipes.data import Scores, TrainingData
from pawsonalize.resources.solutions import Cut, SolutionVersion
from pawsonalize.testing.recipe_checks import NOW, described, training_data
from pawsonalize.train.evidence import Fit, LiveStanding, evidence_on, fit_of, gather, live_training
from pawsonalize.train.holdout import Holdout, SplitName, hold_out
from tests.event_data import T0, event

HOUR, DAY = 3_600_000, 86_400_000
RECIPE = "user-personalization"


def walks(users: int = 400, length: int = 8, items: int = 40, seed: int = 0) -> TrainingData:
    """Users who start anywhere and then nearly always go on to the next item of a circle."""
    dice = np.random.default_rng(seed)
    at = dice.integers(items, size=users)
    begun = NOW - dice.integers(1, 30, size=users) * DAY
    rows = []
    for step in range(length):
        rows += [
            (f"u{user}", f"2-B{place}-1-1", int(begun[user]) + step * HOUR)
            for user, place in enumerate(at.tolist())
        ]
        at = np.where(dice.random(users) < 0.9, at + 1, dice.integers(items, size=users)) % items
    catalogue = [f"2-B{place}-1-1" for place in range(items)]
    attributes = described([("2", f"B{place}") for place in range(items)], ("species", "breed"))
    return training_data(rows, catalogue, attributes)


def born(data: TrainingData) -> NDArray[np.int64]:
    return np.zeros(len(data.item_ids), np.int64)


def held_out(data: TrainingData, split: SplitName = SplitName.TIME) -> Holdout:
    return hold_out(split, data, born(data), seed=1)


def fit(name: str = RECIPE) -> Fit:
    recipe = recipe_named(name)
    quick = {"learn": False} if "personal" in name else {}
    return lambda data: recipe.fit(data, recipe.settings(**quick), 0)


def standing(data: TrainingData, by: Fit, age: int = 0) -> LiveStanding:
    return LiveStanding("rec-1", data.as_of - age, by, np.ones(len(data), np.bool_))


def without_sense(data: TrainingData) -> Model:
    dice = np.random.default_rng(0)
    return fit()(replace(data, item=dice.permutation(data.item)))


@pytest.mark.parametrize("split", SplitName)
def test_a_live_version_of_the_same_age_and_settings_is_no_different(split: SplitName) -> None:
    data = walks(users=600)
    found = evidence_on(held_out(data, split), born(data), RECIPE, fit(), standing(data, fit()))
    assert found.live is not None
    lead = found.live.comparison.lead
    assert (lead.mean, lead.low, lead.high) == (0, 0, 0)
    decision = decide(found, GateSettings(), NOW)
    assert not decision.promoted
    assert "no different from the live version" in decision.reason


@pytest.mark.parametrize("recipe", [RECIPE, "personalized-ranking"])
def test_the_better_one_is_promoted_and_the_worse_one_is_not(recipe: str) -> None:
    data = walks()
    holdout = held_out(data)

    def decided(new: Fit, live: Fit) -> bool:
        found = evidence_on(holdout, born(data), recipe, new, standing(data, live))
        return decide(found, GateSettings(), NOW).promoted

    assert decided(fit(recipe), without_sense)
    assert not decided(without_sense, fit(recipe))


def test_evidence_of_every_recipe_is_complete_and_json(subtests: pytest.Subtests) -> None:
    for recipe in RECIPES:
        with subtests.test(recipe=recipe):
            data = walks()
            holdout = held_out(data)
            found = evidence_on(holdout, born(data), recipe, fit(recipe), None)
            assert found.test_cases == len(holdout.targets)
            assert found.not_finite == 0
            assert (not found.baselines) == (recipe in {"popularity-count", "trending-now"})
            assert set(found.stronger) == (
                {"item-knn", "item-transitions", "ease"} if found.baselines else set()
            )
            assert msgspec.json.decode(msgspec.json.encode(found), type=Evidence) == found


def test_a_first_version_is_compared_with_popularity_slice_by_slice() -> None:
    data = walks()
    found = evidence_on(held_out(data), born(data), RECIPE, fit(), None)
    assert found.live is None
    assert found.popularity == found.baselines["popularity"]
    assert min(one.lead.low for one in found.baselines.values()) > 0.3
    assert {(part.kind, part.value) for part in found.slices} >= {("species", "2")}
    assert decide(found, GateSettings(), NOW).promoted


@pytest.mark.parametrize("split", SplitName)
def test_the_live_version_is_as_much_older_as_in_truth_and_sees_no_held_out_event(
    split: SplitName,
) -> None:
    data = walks()
    holdout = held_out(data, split)
    older = live_training(holdout, standing(data, fit(), age=5 * DAY), born(data))
    assert older.as_of == holdout.training.as_of - 5 * DAY
    assert older.time.max() <= older.as_of
    allowed = holdout.split.training & (data.time <= older.as_of)
    assert len(older) == np.count_nonzero(allowed)


def test_the_live_version_knows_nothing_that_came_into_the_log_after_its_training() -> None:
    data = walks()
    holdout = held_out(data)
    late = replace(standing(data, fit()), seen=data.user % 2 == 0)
    assert len(live_training(holdout, late, born(data))) == np.count_nonzero(
        holdout.split.training & (data.user % 2 == 0)
    )
    item = born(data)
    item[3] = holdout.training.as_of - DAY
    older = live_training(holdout, standing(data, fit(), age=2 * DAY), item)
    assert data.item_ids[3] not in older.item_ids


def test_a_live_version_from_before_the_first_event_is_beaten() -> None:
    data = walks()
    found = evidence_on(
        held_out(data), born(data), RECIPE, fit(), standing(data, fit(), age=400 * DAY)
    )
    assert found.live is not None
    assert found.live.comparison.is_better


class Broken:
    """The model that another one would be if some of its scores were lost."""

    def __init__(self, model: Model, value: float, everywhere: bool) -> None:
        self._model, self._value, self._everywhere = model, value, everywhere
        self.item_ids, self.card = model.item_ids, model.card
        self.contributions, self.arrays, self.score = (
            model.contributions,
            model.arrays,
            model.score,
        )

    def score_catalogue(self, context: Context) -> Scores:
        scores = self._model.score_catalogue(context).copy()
        scores[slice(None) if self._everywhere else slice(3)] = self._value
        return scores


@pytest.mark.parametrize(
    ("value", "everywhere", "told"),
    [
        (np.nan, False, "have a score that is no finite number"),
        (np.inf, False, "have a score that is no finite number"),
        (0.01, True, "one score for all items"),
    ],
)
def test_the_trained_model_itself_is_asked_whether_its_scores_are_sound(
    value: float, everywhere: bool, told: str
) -> None:
    data = walks()
    trained = Broken(fit()(data), value, everywhere)
    found = evidence_on(held_out(data), born(data), RECIPE, fit(), None, trained)
    assert max(found.not_finite, found.constant) == found.test_cases
    decision = decide(found, GateSettings(), NOW)
    assert not decision.promoted
    assert told in decision.reason


def version(name: str, cut: Cut, **changes: object) -> SolutionVersion:
    given = SolutionVersion(
        name=name, solution="s", recipe=RECIPE, cut=cut, settings={"learn": False}
    )
    return replace(given, **changes)


def write(log: EventLog, users: range) -> None:
    log.append(
        [
            event(
                f"{user}-{step}",
                user=f"u{user}",
                session=f"s{user}",
                item=f"2-B{(user + step) % 20}-1-1",
                at=user * HOUR + step * 1_000,
            )
            for user in users
            for step in range(6)
        ]
    )


def test_evidence_comes_from_the_log_as_both_versions_saw_it(
    log: EventLog, catalogue: Catalogue
) -> None:
    catalogue.put_items([Item(f"2-B{n}-1-1", {}, T0) for n in range(20)])
    write(log, range(100))
    first = Cut(log.head(), T0 + 100 * HOUR)
    write(log, range(100, 200))
    second = Cut(log.head(), T0 + 200 * HOUR)
    new, live = version("rec-2", second), version("rec-1", first)
    found = gather(log, catalogue, new, live)
    assert found.live is not None
    assert (found.live.solution_version, found.live.as_of) == ("rec-1", first.as_of)
    assert found.test_cases == 20  # the users of the newest tenth of the events
    alone = gather(log, catalogue, new, None)
    assert alone.live is None
    assert alone.ndcg_at_5 == found.ndcg_at_5
    assert gather(log, catalogue, new, live) == found


def test_an_import_of_old_events_is_the_new_versions_advantage(
    log: EventLog, catalogue: Catalogue
) -> None:
    write(log, range(190, 200))
    before = Cut(log.head(), T0 + 200 * HOUR)
    write(log, range(190))
    after = Cut(log.head(), before.as_of)
    found = gather(log, catalogue, version("rec-2", after), version("rec-1", before))
    assert found.live is not None
    assert found.live.comparison.is_better


def test_an_empty_log_is_insufficient_evidence(log: EventLog, catalogue: Catalogue) -> None:
    found = gather(log, catalogue, version("rec-1", Cut(0, NOW)), None)
    assert decide(found, GateSettings(), NOW).outcome is RuleOutcome.INSUFFICIENT


def test_a_version_is_fitted_with_its_own_settings_and_seed() -> None:
    data = walks(users=50)
    wanted = version("rec-1", Cut(0, NOW), settings={"related_items_weight": 0.2}, seed=7)
    card = fit_of(wanted)(data).card
    assert (card.recipe, card.settings["related_items_weight"], card.seed) == (RECIPE, 0.2, 7)
