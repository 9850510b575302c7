"""The resources table, on every database, and what it was made of."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import text

from pawsonalize.engine.resources.campaign_updates import Campaigns
from pawsonalize.engine.resources.campaigns import Campaign
from pawsonalize.engine.resources.defaults import ensure_defaults
from pawsonalize.engine.resources.registry import Registry
from pawsonalize.engine.resources.solutions import Cut, SolutionVersion
from pawsonalize.engine.resources.status import Status
from pawsonalize.engine.serving.live_model import LiveModel
from pawsonalize.engine.serving.served import Loader, ServingSettings
from pawsonalize.recipes.catalogue import recipe_named
from pawsonalize.storage.artefacts import ArtefactStore
from pawsonalize.storage.database import Database
from pawsonalize.storage.resources import ResourceRow, Resources
from tests.adapters.test_tables import engine, migrate
from tests.event_data import T0
from tests.recipe_data import training_data

ROW = ResourceRow("solution", "a", "group", "ACTIVE", '{"ü":1}', None, T0, T0)


@pytest.fixture
def rows(database: Database) -> Resources:
    return Resources(database)


def test_a_name_is_given_once_within_its_kind(rows: Resources) -> None:
    assert rows.create(ROW)
    assert not rows.create(replace(ROW, body="{}"))
    assert rows.create(replace(ROW, kind="campaign"))
    assert rows.get("solution", "a") == ROW
    assert rows.get("solution", "b") is None


def test_the_newest_come_first_in_pages_that_fit_together(rows: Resources) -> None:
    names = [f"r{n}" for n in range(6)]
    for n, name in enumerate(names):
        rows.create(replace(ROW, name=name, created_at=T0 + n // 2, parent="xy"[n % 2]))
    rows.create(replace(ROW, kind="campaign", name="other"))
    newest_first = ["r5", "r4", "r3", "r2", "r1", "r0"]
    assert [row.name for row in rows.list("solution", 99)] == newest_first
    for last in range(5):
        page = rows.list("solution", 1, before=(T0 + (5 - last) // 2, newest_first[last]))
        assert [row.name for row in page] == [newest_first[last + 1]]
    assert [row.name for row in rows.list("solution", 99, parent="x")] == ["r4", "r2", "r0"]
    assert rows.list("solution", 99, before=(T0, "r0")) == []


def test_only_who_saw_the_newest_revision_changes_or_deletes(rows: Resources) -> None:
    rows.create(ROW)
    newer = replace(ROW, status="CREATE FAILED", failure_reason="why", revision=2)
    assert rows.update(newer, expected_revision=1)
    assert not rows.update(newer, expected_revision=1)
    assert rows.get("solution", "a") == newer
    assert not rows.delete("solution", "a", expected_revision=1)
    assert rows.delete("solution", "a", expected_revision=2)
    assert not rows.delete("solution", "a", expected_revision=2)
    assert not rows.update(newer, expected_revision=2), "what is gone is not changed"
    assert rows.list("solution", 99) == []


def test_a_model_from_before_resources_were_kept_together_is_served(
    database_url: str, tmp_path: Path
) -> None:
    artefacts = ArtefactStore(tmp_path / "models")
    recipe = recipe_named("popularity-count")
    model = recipe.fit(training_data([("ann", "a", T0)]), recipe.settings(), 0)
    artefacts.save("old", model.card, model.arrays())
    migrate(database_url, "0002")
    with engine(database_url) as opened, opened.begin() as connection:
        connection.execute(
            text("INSERT INTO solution_versions VALUES ('old', 'popularity-count', 'old', 7, 5, 9)")
        )
        connection.execute(text("INSERT INTO campaigns VALUES ('recommender', 'old', 3, 11)"))
    for _ in range(2):  # up, down, and up again
        with closing(Database(database_url)) as database:
            registry = Registry(Resources(database))
            ensure_defaults(registry, "user-personalization", T0)
            version = registry.get(SolutionVersion, "old")
            assert (version.status, version.cut) == (Status.ACTIVE, Cut(5, 7))
            assert (version.solution, version.created_at) == ("recommender", 9)
            campaign = registry.get(Campaign, "recommender")
            assert (campaign.solution_version, campaign.revision) == ("old", 3)
            loader = Loader(registry, artefacts)
            live = LiveModel("recommender", Campaigns(registry), loader, ServingSettings())
            assert live.refresh(T0)
            assert live.current.model.item_ids == ("a",)
        migrate(database_url, "0002", command.downgrade)
        with engine(database_url) as opened, opened.begin() as connection:
            (pointer,) = connection.execute(text("SELECT * FROM campaigns")).all()
            assert tuple(pointer) == ("recommender", "old", 3, 11)
