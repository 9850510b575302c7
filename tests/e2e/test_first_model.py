"""The first model of a demo world goes live, on whatever day the demo is begun."""

from pathlib import Path

import pytest

from pawsonalize.app.adapters import opened
from pawsonalize.app.settings import Settings
from pawsonalize.core.times import DAY, HOUR
from pawsonalize.plugins.demo.commands import SEED, store_world
from pawsonalize.plugins.demo.settings import WorldSettings
from pawsonalize.plugins.demo.world import generate
from pawsonalize.resources.solutions import SolutionVersion
from pawsonalize.train.commands.processes import run_worker
from pawsonalize.train.retraining.runs import Fate, Trigger
from tests.event_data import T0

DAYS = 20


@pytest.mark.parametrize(
    "day", [pytest.param(day, marks=[pytest.mark.nightly] if day else []) for day in range(DAYS)]
)
def test_the_first_model_of_a_demo_that_begins_on_any_day_is_promoted(
    tmp_path: Path, day: int
) -> None:
    settings = Settings(data_dir=tmp_path, retrain_check_seconds=0.2, campaign_check_seconds=0.2)
    begun = T0 + day * (17 * DAY + 5 * HOUR)
    with opened(settings) as adapters:
        store_world(adapters, generate(WorldSettings(), SEED, begun))
        record = adapters.runs.begin(Trigger.FIRST, begun)
        assert run_worker(adapters, "the test").work()
        record = adapters.runs.get(record.run_id)
        assert [half.fate for half in record.halves] == [Fate.PROMOTED] * 2, record.reason
        for half in record.halves:
            version = adapters.registry.get(SolutionVersion, half.solution_version)
            assert version.settings == {"learn": False}
