"""The gate on the demo world: what is damaged does not go live, what is better than it does."""

import json

import numpy as np
import pytest
from benchmarks.demo_visits import training_data
from benchmarks.gate import SCENARIOS, a_tenth, half_sabotaged, other_users

from benchmarks import gate
from pawsonalize.models.evaluation.gate import RuleOutcome
from pawsonalize.models.evaluation.gate_settings import GateSettings
from pawsonalize.models.recipes.data import TrainingData
from pawsonalize.plugins.demo.settings import WorldSettings
from pawsonalize.plugins.demo.world import generate


@pytest.fixture(scope="module")
def data() -> TrainingData:
    world = generate(WorldSettings(events=20_000, adopters=1_000), 7, 1_767_225_600_000)
    return training_data(world, world.end)


@pytest.mark.parametrize("recipe", ["user-personalization", "personalized-ranking"])
@pytest.mark.parametrize("name", ["new sabotaged", "new of a tenth", "live sabotaged"])
def test_a_damaged_version_does_not_go_live_and_one_better_than_it_does(
    data: TrainingData, recipe: str, name: str
) -> None:
    evidence, decision = gate.judge(
        data, SCENARIOS[name], recipe, GateSettings(), seed=1, learn=False
    )
    assert evidence.test_cases > 200
    assert decision.promoted is SCENARIOS[name].promote, decision.reason
    (live,) = (verdict for verdict in decision.verdicts if verdict.rule == "live version")
    assert (live.outcome is RuleOutcome.PASSED) is SCENARIOS[name].promote


def test_a_species_that_lost_refuses_a_version_that_is_good_for_all_others(
    data: TrainingData,
) -> None:
    scenario = SCENARIOS["species dropped"]
    recipe, settings = "user-personalization", GateSettings()
    _, decision = gate.judge(data, scenario, recipe, settings, seed=1, learn=False)
    (slices,) = (verdict for verdict in decision.verdicts if verdict.rule == "slices")
    assert slices.outcome is RuleOutcome.FAILED
    assert "species" in slices.message


def test_the_first_version_is_promoted(data: TrainingData) -> None:
    scenario, settings = SCENARIOS["first"], GateSettings()
    _, decision = gate.judge(data, scenario, "user-personalization", settings, 1, learn=False)
    assert decision.promoted, decision.reason


def test_the_same_recipe_on_other_users_and_with_another_seed_does_not_go_live(
    data: TrainingData,
) -> None:
    promoted = [
        gate.judge(
            data, SCENARIOS["same"], "user-personalization", GateSettings(), seed, learn=False
        )[1]
        for seed in range(8)
    ]
    assert sum(decision.promoted for decision in promoted) <= 1


def test_damage_is_what_it_says(data: TrainingData) -> None:
    sabotaged = half_sabotaged(data, 1)
    assert 0.4 < np.mean(sabotaged.item != data.item) < 0.51
    assert np.bincount(sabotaged.item).tolist() == np.bincount(data.item).tolist()
    assert 0.07 < len(np.unique(a_tenth(data, 1).user)) / data.n_users < 0.13
    others = other_users(data, 1)
    assert others.n_users == data.n_users
    assert 0.6 < len(np.unique(others.time)) / len(np.unique(data.time)) < 0.67
    assert (np.diff(others.user) >= 0).all()


def test_the_benchmark_prints_rates(capsys: pytest.CaptureFixture[str]) -> None:
    gate.main(
        [
            "--worlds",
            "1",
            "--runs",
            "1",
            "--events",
            "5000",
            "--only",
            "new sabotaged",
            "--mixture",
            "--json",
        ]
    )
    found = json.loads(capsys.readouterr().out)
    assert found["results"]["new sabotaged"]["promoted"] == 0
    assert found["results"]["new sabotaged"]["runs"] == 1
