"""Commands that read and write the data of another dataset group."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pawsonalize.app.adapters import opened
from pawsonalize.app.cli.main import app
from pawsonalize.app.settings import Settings
from pawsonalize.core.errors import InvalidInput, NotFound, TrainingFailed
from pawsonalize.core.event import Visitor
from pawsonalize.core.schemas import DatasetType
from pawsonalize.events.tables.event_reads import HistoryQuery
from pawsonalize.resources.campaigns import Campaign
from pawsonalize.resources.datasets import Dataset, DatasetGroup, DatasetSchema
from pawsonalize.resources.solutions import Solution
from tests.event_data import T0
from tests.service_data import make_service

COMMAND = str(Path(sys.executable).parent / "pawsonalize")
AVRO = """{"type": "record", "fields": [{"name": "USER_ID", "type": "string"},
  {"name": "ITEM_ID", "type": "string"}, {"name": "TIMESTAMP", "type": "long"}]}"""
SHOP_ARN = "arn:aws:personalize:us-east-1:000000000000:dataset-group/shop"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A shop with an interactions dataset and a solution, and its events in a file."""
    settings = make_service(tmp_path / "data", train=False)
    kind = DatasetType.INTERACTIONS
    with opened(settings) as adapters:
        for one in (
            DatasetGroup(name="shop"),
            DatasetSchema(name="shop", dataset_type=kind, avro=AVRO),
            Dataset(name="sales", dataset_group="shop", dataset_type=kind, schema="shop"),
            Solution(name="hot", dataset_group="shop", recipe="popularity-count"),
            Campaign(name="hot", solution="hot"),
            Solution(name="idle", dataset_group="shop", recipe="popularity-count"),
        ):
            adapters.registry.create(one, T0)
    rows = "".join(f"user {n},tent-{n % 3},{T0 // 1000 + n}\n" for n in range(40))
    (tmp_path / "events.csv").write_text(f"USER_ID,ITEM_ID,TIMESTAMP\n{rows}")
    return settings


def run(settings: Settings, *words: str) -> str:
    done = CliRunner().invoke(app, [*words, "--data-dir", str(settings.data_dir)])
    if done.exception is not None:
        raise done.exception
    return done.stdout


def imported(settings: Settings, group: str = "shop") -> str:
    file = str(settings.data_dir.parent / "events.csv")
    return run(settings, "import", "--interactions", file, "--dataset-group", group)


@pytest.mark.parametrize("named", ["shop", SHOP_ARN])
def test_a_file_is_imported_into_the_dataset_of_the_group(settings: Settings, named: str) -> None:
    assert "40 accepted" in imported(settings, named)
    with opened(settings) as adapters:
        ann = Visitor("user 1")
        assert len(adapters.log.of("shop").history(ann, HistoryQuery(9))) == 1
        assert adapters.log.history(ann, HistoryQuery(9)) == []
    with pytest.raises(NotFound, match="shop has no Users dataset"):
        run(settings, "import", "--users", "users.csv", "--dataset-group", "shop")
    with pytest.raises(NotFound, match="there are: pawsonalize, shop"):
        imported(settings, "shap")


def test_the_solutions_of_the_group_are_trained_for_its_campaigns(settings: Settings) -> None:
    imported(settings)
    words = ("train", "--dataset-group", "shop", "--data-dir", str(settings.data_dir))
    done = subprocess.run([COMMAND, *words], capture_output=True, text=True, check=False)
    assert "40 events" in done.stdout, done.stderr
    hot, idle = done.stdout.splitlines()
    assert "goes live" in hot
    assert "idle-" in idle
    assert "waits for a campaign" in idle
    with opened(settings) as adapters:
        assert adapters.campaigns.get("hot").target_version is not None
        assert adapters.campaigns.get("recommender").target_version is None
    with pytest.raises(InvalidInput, match="shop has no solution recommender; it has hot, idle"):
        run(settings, "train", "--dataset-group", "shop", "--solution", "recommender")


def test_what_learned_from_no_event_does_not_go_live(settings: Settings) -> None:
    imported(settings)
    words = ("train", "--dataset-group", "shop", "--solution", "hot", "--at", "2020-01-01")
    with pytest.raises(TrainingFailed, match="learned from no event: none is of before 2020"):
        run(settings, *words)
    with opened(settings) as adapters:
        assert adapters.campaigns.get("hot").target_version is None


def test_an_evaluation_and_a_report_read_the_group_alone(settings: Settings) -> None:
    with pytest.raises(InvalidInput):
        run(settings, "evaluate", "--dataset-group", "shop", "--recipe", "popularity-count")
    imported(settings)
    span = ("--since", "2026-05-01", "--until", "2026-06-01", "--json")
    shop = json.loads(run(settings, "outcomes", "--dataset-group", "shop", *span))
    assert (shop["total"]["sessions"], shop["total"]["stays"]["arrivals"]) == (0, 0)


def test_filters_are_made_for_the_group_and_listed_by_it(settings: Settings) -> None:
    expression = 'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("bought")'
    run(settings, "filters", "create", "unbought", expression, "--dataset-group", "shop")
    assert "shop" in run(settings, "filters", "ls")
    assert "unbought" in run(settings, "filters", "ls", "--dataset-group", "shop")
    assert "unbought" not in run(settings, "filters", "ls", "--dataset-group", "pawsonalize")


def test_a_user_is_erased_from_the_group_alone(settings: Settings) -> None:
    imported(settings)
    said = run(
        settings, "erasures", "create", "--user", "user 1", "--yes", "--dataset-group", "shop"
    )
    with opened(settings) as adapters:
        assert adapters.log.of("shop").history(Visitor("user 1"), HistoryQuery(9)) == []
        (done,) = adapters.erasures.newest(9)
        assert (done.dataset_group, done.deleted) == ("shop", 1)
    assert said == f"{done.erasure_id}: done, 1 rows deleted\n"
    assert run(settings, "erasures", "show", done.erasure_id) == said
    assert run(settings, "erasures", "ls").startswith(f"{done.erasure_id}  done")
