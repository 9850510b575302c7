"""Tuning: settings are tried on days that the gate never looks at."""

from itertools import count
from typing import Any

import msgspec
import numpy as np
import pytest

from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.times import DAY
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.models.recipes.data import TrainingData
from pawsonalize.models.recipes.settings import Range
from pawsonalize.recommend.live_model import load_model
from pawsonalize.resources.artefacts import ArtefactStore
from pawsonalize.resources.registry import Registry
from pawsonalize.resources.solutions import (
    Cut,
    EventParameters,
    Solution,
    SolutionVersion,
    TrainingMode,
    TrainingSelection,
    Tuned,
    Tuning,
)
from pawsonalize.testing.recipe_checks import NOW, training_data
from pawsonalize.train.evidence import fit_of
from pawsonalize.train.holdout import SplitName, hold_out
from pawsonalize.train.solutions import planned_trials, trained_settings
from pawsonalize.train.trainer import Trainer, tune
from pawsonalize.train.versions import SolutionVersions
from tests.event_data import T0, event

USERS, DAYS = 200, 100


def fashions() -> TrainingData:
    """Every day has an item of its own that users look at: a short memory knows best."""
    return training_data(
        (f"u{user}", f"2-B-1-{(day - user % 2) // 5}", NOW - (DAYS - day) * DAY + user)
        for user in range(USERS)
        for day in range(user % 20, DAYS, 20)
    )


def version(trials: int = 6, **wishes: Any) -> SolutionVersion:
    tuning = Tuning(trials, wishes.pop("seconds", None), wishes.pop("ranges", {}))
    wishes = {"recipe": "popularity-count", "settings": {}, **wishes}
    return SolutionVersion(name="v", solution="s", tuning=tuning, cut=Cut(0, NOW), **wishes)


def tuned(data: TrainingData, wished: SolutionVersion, born: Any = None) -> Tuned:
    always = np.full(len(data.item_ids), np.iinfo(np.int64).min)
    return tune(data, always if born is None else born, wished, lambda: 0.0)


def test_tuning_finds_the_memory_that_fits_and_says_what_it_gained() -> None:
    wished = version(10, ranges={"half_life_days": Range(0.1, 1000.0, log=True)})
    wished = msgspec.structs.replace(wished, settings={"half_life_days": 1000.0})
    outcome = tuned(fashions(), wished)
    assert outcome.settings["half_life_days"] < 10
    assert outcome.best_ndcg_at_10 is not None
    assert outcome.given_ndcg_at_10 is not None
    assert outcome.best_ndcg_at_10 > outcome.given_ndcg_at_10
    assert outcome.trials[0].settings == {}
    best = max(outcome.trials, key=lambda trial: trial.ndcg_at_10)
    assert outcome.settings == best.settings
    assert "better on other visitors" in outcome.note


def test_the_same_seed_tries_the_same_and_a_short_search_begins_a_long_one() -> None:
    data = fashions()
    assert tuned(data, version(4)) == tuned(data, version(4))
    assert tuned(data, version(4)).trials == tuned(data, version(6)).trials[:4]
    assert planned_trials(version(4, seed=-1)) != planned_trials(version(4))


def test_what_the_gate_holds_out_changes_nothing() -> None:
    data = fashions()
    born = np.full(len(data.item_ids), np.iinfo(np.int64).min)
    held = ~hold_out(SplitName.TIME, data, born, 0).split.training
    item = np.where(held, np.int32(0), data.item)
    other = TrainingData(**{**_columns(data), "item": item})
    assert not np.array_equal(other.item, data.item)
    assert tuned(data, version()) == tuned(other, version())


def _columns(data: TrainingData) -> dict[str, Any]:
    return {name: getattr(data, name) for name in TrainingData.__struct_fields__}


def test_time_cuts_off_later_trials_only() -> None:
    data, wished = fashions(), version(6, seconds=2.5)
    always = np.full(len(data.item_ids), np.iinfo(np.int64).min)
    seconds = count()
    outcome = tune(data, always, wished, lambda: float(next(seconds)))
    assert len(outcome.trials) == 3
    assert outcome.trials == tuned(data, version(6)).trials[:3]
    assert "after 3 of 6 trials" in outcome.note


def test_the_best_of_many_is_not_taken_where_other_visitors_do_not_confirm_it() -> None:
    """Items by lot: whatever is best on one half is luck."""
    dice = np.random.default_rng(0)
    lots = dice.integers(0, 40, (600, 4))
    data = training_data(
        (f"u{user}", f"2-B-1-{item}", NOW - (600 - user) * DAY + n)
        for user, items in enumerate(lots)
        for n, item in enumerate(items)
    )
    outcomes = [tuned(data, version(5, seed=seed)) for seed in range(6)]
    for outcome in outcomes:
        assert outcome.given_ndcg_at_10 is not None
        assert outcome.best_ndcg_at_10 is not None
        if outcome.settings:
            assert outcome.best_ndcg_at_10 > outcome.given_ndcg_at_10
    kept = [outcome for outcome in outcomes if not outcome.settings]
    assert len(kept) >= 4
    assert any("not surely better" in outcome.note for outcome in kept)


def test_the_given_settings_stay_where_nothing_is_better() -> None:
    same = training_data((f"u{n}", "2-B-1-1", NOW - (600 - n) * DAY) for n in range(600))
    outcome = tuned(same, version())
    assert outcome.settings == {}
    assert "no trial was better" in outcome.note


def test_too_few_visitors_are_not_tuned_on() -> None:
    few = training_data((f"u{n}", f"2-B-1-{n % 3}", NOW - n * DAY) for n in range(30))
    outcome = tuned(few, version())
    assert outcome.trials == ()
    assert "fewer than" in outcome.note


def test_what_somebody_set_is_tuned_only_where_they_name_its_range() -> None:
    given = {"doubt": 0.7}
    wished = version(3, recipe="user-personalization", settings=given)
    assert all("doubt" not in trial for trial in planned_trials(wished))
    assert all("related_items_weight" in trial for trial in planned_trials(wished)[1:])
    named = version(3, recipe="user-personalization", settings=given, ranges={"doubt": Range(1, 2)})
    assert all(trial.keys() == {"doubt"} for trial in planned_trials(named)[1:])


def test_settings_that_the_recipe_refuses_are_passed_over() -> None:
    wide = {"transition_weight": Range(0.0, 1.0)}
    for trial in planned_trials(version(8, recipe="user-personalization", ranges=wide))[1:]:
        assert trial["transition_weight"] <= 0.5
    too_high = {"transition_weight": Range(0.9, 1.0)}
    with pytest.raises(InvalidInput, match="hardly any settings"):
        planned_trials(version(2, recipe="user-personalization", ranges=too_high))


@pytest.mark.parametrize("name", ["nonsense", "repeats", "view_weight"])
def test_a_range_of_what_cannot_be_tuned_is_refused_before_the_training(
    registry: Registry, versions: SolutionVersions, name: str
) -> None:
    weighed = TrainingSelection(events=(EventParameters("view", 2.0),))
    solution = registry.get(Solution, "recommender")
    registry.update(
        msgspec.structs.replace(solution, recipe="user-personalization", selection=weighed), T0
    )
    with pytest.raises(InvalidInput, match=f"{name} cannot be tuned"):
        versions.create(
            "recommender", as_of=T0, now=T0, tuning=Tuning(2, ranges={name: Range(0, 1)})
        )


@pytest.fixture
def filled(log: EventLog) -> EventLog:
    data = fashions()
    log.append(
        [
            event(f"{row}", user=f"u{data.user[row]}", item=data.item_ids[data.item[row]],
                  at=int(data.time[row]) - T0)
            for row in range(len(data))
        ]
    )  # fmt: skip
    return log


def test_a_tuned_version_is_trained_and_judged_with_what_was_found(
    filled: EventLog,
    registry: Registry,
    versions: SolutionVersions,
    trainer: Trainer,
    artefacts: ArtefactStore,
) -> None:
    solution = registry.get(Solution, "recommender")
    wished = Tuning(8, ranges={"half_life_days": Range(0.1, 1000.0, log=True)})
    given = {"half_life_days": 1000.0}
    registry.update(msgspec.structs.replace(solution, tuning=wished, settings=given), T0)
    trained = trainer.train(versions.create("recommender", as_of=NOW, now=T0).name)
    assert trained.tuned is not None
    assert trained.tuned.settings["half_life_days"] < 10
    assert trained.settings == given
    assert trained_settings(trained).half_life_days == trained.tuned.settings["half_life_days"]
    card = load_model(artefacts, trained).card
    assert card.settings["half_life_days"] == trained.tuned.settings["half_life_days"]
    assert len(card.extra["tuned"]["trials"]) == 8
    judged = fit_of(trained)(fashions())
    assert judged.card.settings == card.settings


def test_a_training_that_begins_again_does_not_tune_again(
    filled: EventLog, registry: Registry, versions: SolutionVersions, trainer: Trainer
) -> None:
    created = versions.create("recommender", as_of=NOW, now=T0, tuning=Tuning(200))
    found = Tuned({"half_life_days": 3.0}, "found before the crash")
    registry.update(msgspec.structs.replace(created, tuned=found), T0)
    trained = trainer.train(created.name)
    assert trained.tuned == found


def test_an_update_is_not_tuned_and_keeps_what_its_base_found(
    filled: EventLog, versions: SolutionVersions, trainer: Trainer
) -> None:
    wishes: dict[str, Any] = {"as_of": NOW, "now": T0, "recipe": "trending-now"}
    base = trainer.train(versions.create("recommender", **wishes, tuning=Tuning(2)).name)
    assert base.tuned is not None
    with pytest.raises(InvalidInput, match="mode FULL"):
        versions.create(
            "recommender", as_of=NOW, now=T0, mode=TrainingMode.UPDATE, tuning=Tuning(2)
        )
    update = trainer.train(
        versions.create("recommender", as_of=NOW, now=T0, mode=TrainingMode.UPDATE).name
    )
    assert update.tuned == base.tuned
