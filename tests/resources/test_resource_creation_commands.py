"""A second dataset group made on the command line, and what is wrong with a wish."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pawsonalize.app.adapters import opened
from pawsonalize.app.cli.main import app
from pawsonalize.app.settings import Settings
from pawsonalize.core.errors import Conflict, InvalidInput, NotFound
from tests.event_data import T0
from tests.service_data import make_service
from tests.training import train

AVRO = '{"type": "record", "name": "Items", "fields": [{"name": "ITEM_ID", "type": "string"}]}'


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return make_service(tmp_path / "data", train=False)


def run(settings: Settings, *words: str) -> Any:
    """What a command prints as JSON; what it raises comes through."""
    done = CliRunner().invoke(
        app, [*words, "--data-dir", str(settings.data_dir)], catch_exceptions=False
    )
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout) if "--json" in words else done.stdout


def made(settings: Settings, *words: str) -> dict[str, Any]:
    found: dict[str, Any] = run(settings, *words, "--json")
    return found


def test_a_dataset_group_with_all_that_answers_is_made_and_deleted(
    settings: Settings, tmp_path: Path
) -> None:
    group = ("--dataset-group", "shelter-b")
    schema = tmp_path / "items.avsc"
    schema.write_text(AVRO)
    made(settings, "dataset-groups", "create", "shelter-b")
    dataset = made(settings, "datasets", "create", "items", *group, "--schema", str(schema))
    assert (dataset["name"], dataset["schema"]) == ("shelter-b-items", "shelter-b-items")
    assert made(settings, "datasets", "create", "users", *group)["schema"] == "pawsonalize-users"
    assert made(settings, "event-trackers", "create", "b", *group)["tracking_id"]
    solution = made(
        settings,
        *("solutions", "create", "cats", *group, "--set", "learn=false"),
        *("--event", "view", "--event", "favorite=4"),
    )
    assert solution["selection"]["events"][1]["weight"] == 4.0
    campaign = made(settings, "campaigns", "create", "cats", "cats", "--exploration-weight", "0.2")
    assert (campaign["exploration_weight"], campaign["latest_update"]) == (0.2, None)
    for kind in ("datasets", "event-trackers", "solutions"):
        assert len(run(settings, kind, "ls", *group, "--json")) == (2 if kind == "datasets" else 1)
    assert "shelter-b" in run(settings, "dataset-groups", "ls")
    row = next(one for one in run(settings, "campaigns", "ls").splitlines() if "cats" in one)
    assert "CREATE PENDING" in row, "it has never served"
    with pytest.raises(Conflict, match="needed by campaign cats: delete that first"):
        run(settings, "solutions", "delete", "cats")
    for kind, name in (
        ("campaigns", "cats"),
        ("solutions", "cats"),
        ("event-trackers", "b"),
        ("datasets", "shelter-b-items"),
        ("datasets", "shelter-b-users"),
        ("dataset-groups", "shelter-b"),
    ):
        run(settings, kind, "delete", name)
    with pytest.raises(NotFound):
        run(settings, "dataset-groups", "show", "shelter-b")


def test_a_solution_is_changed_where_a_change_is_named(settings: Settings) -> None:
    made(
        settings,
        "solutions",
        "create",
        "hot",
        "--recipe",
        "popularity-count",
        "--set",
        "smoothing=0.5",
    )
    changed = made(settings, "solutions", "update", "hot", "--no-retrain")
    assert (changed["retrain"], changed["settings"]) == (False, {"smoothing": "0.5"})
    with pytest.raises(InvalidInput, match="there is no setting no_such"):
        run(settings, "solutions", "update", "hot", "--set", "no_such=1")


def test_a_campaign_has_settings_of_its_own_that_are_changed_apart(settings: Settings) -> None:
    with opened(settings) as adapters:
        train(adapters, T0, name="one")
    made(settings, "campaigns", "create", "second", "recommender", "--min-provisioned-tps", "7")
    changed = made(settings, "campaigns", "update", "second", "--exploration-weight", "0.5")
    assert (changed["exploration_weight"], changed["min_provisioned_tps"]) == (0.5, 7)
    assert changed["latest_update"]["solution_version"] == "one"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("datasets", "create", "pets"), "Interactions, Items, Users"),
        (("solutions", "create", "x", "--recipe", "magic"), "there is no recipe magic"),
        (("solutions", "create", "x", "--event", "view=much"), "type=weight"),
        (("solutions", "create", "x", "--auto-training-days", "99"), "1 to 30 days"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(
    settings: Settings, words: tuple[str, ...], message: str
) -> None:
    with pytest.raises(InvalidInput, match=message):
        run(settings, *words)
