"""A second dataset group beside the demo's, trained and served by the same two workers."""

import time
from collections.abc import Callable
from pathlib import Path

from pawsonalize.app.adapters import Adapters, opened
from pawsonalize.app.app import App
from pawsonalize.app.settings import Settings
from pawsonalize.app.upkeep import background_jobs
from pawsonalize.core import clock
from pawsonalize.core.event import Visitor
from pawsonalize.core.schemas import DatasetType
from pawsonalize.recommend.query import Query
from pawsonalize.resources.campaigns import Campaign, CampaignUpdate
from pawsonalize.resources.datasets import Dataset, DatasetGroup, DatasetImportJob, DatasetSchema
from pawsonalize.resources.kind import Status
from pawsonalize.resources.solutions import Solution
from tests.e2e.conftest import Start
from tests.event_loop import run
from tests.service_data import make_service

AVRO = """{"type": "record", "fields": [{"name": "USER_ID", "type": "string"},
  {"name": "ITEM_ID", "type": "string"}, {"name": "TIMESTAMP", "type": "long"}]}"""
_SECONDS = 240


def test_a_second_dataset_group_is_imported_trained_and_served_beside_the_first(
    tmp_path: Path, start: Start
) -> None:
    folder = tmp_path / "data"
    settings = make_service(folder)
    tents = "".join(f"seed {n},tent-{n % 3},{1_700_000_000 + n}\n" for n in range(40))
    (folder / "imports").mkdir()
    (folder / "imports" / "events.csv").write_text(f"USER_ID,ITEM_ID,TIMESTAMP\n{tents}")
    server = start(folder, "--workers", "2")
    with opened(settings) as adapters, server.client() as client:
        asked = {"userId": "seed 0", "limit": 5, "at": "2026-05-17T12:00:01Z"}
        before = client.post("/v1/recommendations", json=asked).json()
        imported(adapters, settings)
        served(adapters)
        assert client.post("/v1/recommendations", json=asked).json() == before
        assert answer(settings, adapters) == {"tent-0", "tent-1", "tent-2"}
    assert server.stop() == 0


def imported(adapters: Adapters, settings: Settings) -> None:
    registry, now = adapters.registry, clock.now()
    registry.create(DatasetGroup(name="shop"), now)
    kind = DatasetType.INTERACTIONS
    registry.create(DatasetSchema(name="shop", dataset_type=kind, avro=AVRO), now)
    registry.create(
        Dataset(name="shop", dataset_group="shop", dataset_type=kind, schema="shop"), now
    )
    source = f"file://{settings.import_folders[0]}"
    job = DatasetImportJob(
        name="import", status=Status.CREATE_PENDING, dataset="shop", source=source
    )
    background_jobs(adapters).create(job)
    comes(lambda: registry.get(DatasetImportJob, "import").status is Status.ACTIVE)


def served(adapters: Adapters) -> None:
    """Trained in a process of its own, and tried by one of the two workers."""
    adapters.registry.create(
        Solution(name="shop", dataset_group="shop", recipe="popularity-count"), clock.now()
    )
    version = adapters.versions.create("shop", as_of=clock.now(), now=clock.now(), name="shop-v1")
    adapters.trainings.start(version.name, clock.now())
    comes(lambda: adapters.trainings.look("shop-v1", clock.now()).status is Status.ACTIVE)
    comes(lambda: not adapters.trainings.alive("shop-v1"))
    assert adapters.versions.get("shop-v1").events == 40
    update = CampaignUpdate(solution_version="shop-v1", requested_at=clock.now())
    adapters.registry.create(
        Campaign(name="shop", solution="shop", latest_update=update), clock.now()
    )
    comes(lambda: adapters.campaigns.get("shop").solution_version == "shop-v1")


def answer(settings: Settings, adapters: Adapters) -> set[str]:
    """What a third process answers for the campaign, as a door does."""
    app = App(adapters)
    try:
        group_recommender = run(app.serving.campaign_models.of("shop"))
        now = clock.now()
        items = group_recommender.recommend(Query(Visitor("seed 0"), now, now, limit=9)).items
    finally:
        app.close()
    return {item.item_id for item in items}


def comes(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _SECONDS
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)
