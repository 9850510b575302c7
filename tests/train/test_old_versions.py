"""Which solution versions are deleted when they are old."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from pawsonalize.core.database.database import Database
from pawsonalize.core.errors import NotFound
from pawsonalize.core.work.tables import WorkTable
from pawsonalize.models.recipes.artefact import ModelCard
from pawsonalize.recommend.live_model import RefreshedCounts
from pawsonalize.resources.artefacts import ArtefactStore
from pawsonalize.resources.campaigns import Campaign, CampaignUpdate
from pawsonalize.resources.jobs import BatchInferenceJob
from pawsonalize.resources.kind import Status
from pawsonalize.resources.registry import Campaigns, Registry
from pawsonalize.resources.solutions import Cut, SolutionVersion
from pawsonalize.train.retraining.runs import Half, Trigger, as_work, begun
from pawsonalize.train.versions import SolutionVersions, delete_old_versions
from tests.event_data import T0

Keep = Callable[[int], list[str]]


@pytest.fixture
def keeping(registry: Registry, versions: SolutionVersions, database: Database) -> Keep:
    """Delete all but the newest so many, and say which are left."""

    def keep(count: int) -> list[str]:
        delete_old_versions(versions, WorkTable(database), count)
        return sorted(one.name for one in registry.all(SolutionVersion))

    return keep


def store(registry: Registry, name: str, at: int, **more: Any) -> SolutionVersion:
    plain = SolutionVersion(
        name=name, solution="recommender", recipe="x", cut=Cut(0, T0), status=Status.ACTIVE
    )
    return registry.create(msgspec.structs.replace(plain, **more), T0 + at)


@pytest.fixture
def five(registry: Registry) -> None:
    for at in range(5):
        store(registry, f"v{at}", at)


def name_in_campaign(registry: Registry, **fields: Any) -> None:
    registry.change(Campaign, "recommender", lambda one: msgspec.structs.replace(one, **fields), T0)


@pytest.mark.usefixtures("five")
def test_the_newest_so_many_stay_and_0_keeps_all(keeping: Keep) -> None:
    assert keeping(0) == ["v0", "v1", "v2", "v3", "v4"]
    assert keeping(2) == ["v3", "v4"]


@pytest.mark.usefixtures("five")
def test_what_a_campaign_names_stays(registry: Registry, keeping: Keep) -> None:
    update = CampaignUpdate(solution_version="v2", requested_at=T0)
    name_in_campaign(registry, solution_version="v1", previous_version="v0", latest_update=update)
    assert keeping(1) == ["v0", "v1", "v2", "v4"]
    name_in_campaign(registry, previous_version=None, latest_update=None, followed="v2")
    assert keeping(1) == ["v1", "v2", "v4"]


@pytest.mark.usefixtures("five")
def test_what_the_running_retraining_names_stays(
    registry: Registry, keeping: Keep, database: Database
) -> None:
    half = Half(campaign="recommender", solution="recommender", solution_version="v1")
    record = msgspec.structs.replace(begun("retrain-1", Trigger.API, T0, T0, {}), halves=(half,))
    WorkTable(database).add([as_work(record)])
    assert keeping(1) == ["v1", "v4"]


@pytest.mark.usefixtures("five")
def test_what_a_job_in_work_names_stays_until_it_is_done(registry: Registry, keeping: Keep) -> None:
    job = BatchInferenceJob(name="job", solution_version="v0", source="s", target="t")
    job = registry.create(job, T0)
    assert keeping(1) == ["v0", "v4"]
    registry.update(msgspec.structs.replace(job, status=Status.ACTIVE), T0)
    assert keeping(1) == ["v4"]


@pytest.mark.usefixtures("five")
def test_trainings_and_what_they_update_stay(registry: Registry, keeping: Keep) -> None:
    store(registry, "training", 9, status=Status.CREATE_IN_PROGRESS, base="v2")
    assert keeping(1) == ["training", "v2", "v4"]


def test_failed_versions_are_counted_by_themselves(registry: Registry, keeping: Keep) -> None:
    for at in range(4):
        store(registry, f"good{at}", at)
        store(registry, f"bad{at}", at, status=Status.CREATE_FAILED)
    assert keeping(2) == ["bad2", "bad3", "good2", "good3"]


def test_models_and_counts_go_with_their_versions(
    registry: Registry, keeping: Keep, artefacts: ArtefactStore
) -> None:
    card = ModelCard(recipe="x", format=1, settings={}, seed=0, fingerprint="", extra={})
    for at in range(3):
        artefacts.save(f"v{at}", card, {})
        artefacts.save(RefreshedCounts(f"v{at}", Cut(at, T0)).location, card, {})
        store(registry, f"v{at}", at, artefact=f"v{at}")
    keeping(1)
    assert [one.split(".")[0] for one in artefacts.locations("")] == ["v2", "v2"]


@pytest.mark.usefixtures("five")
def test_what_is_needed_after_all_does_not_stop_the_others(
    registry: Registry,
    keeping: Keep,
    versions: SolutionVersions,
    campaigns: Campaigns,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    deleting = versions.delete

    def delete(name: str) -> None:
        if name == "v2":
            campaigns.update("recommender", "v2", T0)  # somebody chooses it right now
        deleting(name)

    monkeypatch.setattr(SolutionVersions, "delete", lambda _, name: delete(name))
    assert keeping(1) == ["v2", "v4"]
    with pytest.raises(NotFound):
        versions.get("v3")
