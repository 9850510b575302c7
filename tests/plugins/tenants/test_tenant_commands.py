"""Commands for tenants: limits, keys for one dataset group, and what was used."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pawsonalize.app.adapters import opened
from pawsonalize.app.cli.main import app
from pawsonalize.app.settings import Settings
from pawsonalize.core import clock
from pawsonalize.core.errors import InvalidInput, NotFound
from pawsonalize.core.times import DAY
from pawsonalize.events.tables.event_log import GroupDays
from pawsonalize.resources.access_keys import AccessKey
from pawsonalize.resources.datasets import DatasetGroup
from pawsonalize.train.commands.processes import count_training


def run(folder: Path, *words: str) -> str:
    result = CliRunner().invoke(app, [*words, "--data-dir", str(folder)])
    if result.exception is not None:
        raise result.exception
    return result.output


def test_a_tenant_is_made_limited_given_a_key_and_looked_at(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    made = ["--limit", "events_per_day=5000", "--limit", "retrain_schedule=0 4 * * *"]
    run(folder, "dataset-groups", "create", "river-road", *made)
    run(folder, "dataset-groups", "update", "river-road", "--limit", "events_per_day=", "--limit",
        "weight=3")  # fmt: skip
    run(folder, "keys", "create", "--scope", "site", "--dataset-group", "river-road")
    with opened(Settings(data_dir=folder)) as adapters:
        limits = adapters.registry.get(DatasetGroup, "river-road").limits
        (key,) = adapters.registry.all(AccessKey, parent="river-road")
    assert (limits.events_per_day, limits.weight) == (None, 3)
    assert limits.retrain_schedule == "0 4 * * *"
    assert key.dataset_group == "river-road"
    shown = run(folder, "dataset-groups", "usage", "river-road")
    assert "events today" in shown
    read = json.loads(
        run(folder, "dataset-groups", "usage", "river-road", "--json").splitlines()[-1]
    )
    assert read["report"]["weight"] == 3


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("events_per_dy=1", "there is no limit events_per_dy; there are: event_days"),
        ("events_per_day", "--limit takes name=value"),
        ("events_per_day=many", "this limit cannot be"),
        ("retrain_schedule=whenever", "whenever"),
    ],
)
def test_a_limit_that_cannot_be_is_named(tmp_path: Path, given: str, says: str) -> None:
    run(tmp_path, "dataset-groups", "create", "river-road")
    with pytest.raises(InvalidInput, match=says):
        run(tmp_path, "dataset-groups", "update", "river-road", "--limit", given)


def test_a_key_needs_the_dataset_group_it_is_for(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="nowhere"):
        run(tmp_path, "keys", "create", "--dataset-group", "nowhere")


def test_the_processor_time_of_a_training_is_its_dataset_group_s(tmp_path: Path) -> None:
    with opened(Settings(data_dir=tmp_path)) as adapters:
        now = clock.now()
        version = adapters.versions.create("recommender", as_of=now, now=now)
        count_training(adapters, version.name)
        today = now // DAY
        (counts,) = GroupDays(adapters.database).between(today, today)
    assert (counts.dataset_group, counts.trainings) == ("pawsonalize", 1)
    assert counts.training_ms > 0
