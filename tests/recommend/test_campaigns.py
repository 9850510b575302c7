"""Any campaign answers, in its own dataset group, from bounded memory."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import pytest

from pawsonalize.animals.tables.animals import Availability
from pawsonalize.animals.tables.catalogue import Catalogue, Item
from pawsonalize.core.database.database import Database
from pawsonalize.core.errors import InvalidInput, NotFound, NotReady
from pawsonalize.core.event import Visitor
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.models.recipes.catalogue import recipe_named
from pawsonalize.recommend.animals.available import AvailabilityWatch
from pawsonalize.recommend.campaigns import CampaignModels
from pawsonalize.recommend.exploration import ImpressionLog
from pawsonalize.recommend.filtering import Filterings
from pawsonalize.recommend.live_model import LiveModel, LoadedModel, Loader, ServingSettings
from pawsonalize.recommend.live_tests import RunningTests
from pawsonalize.recommend.query import Query
from pawsonalize.recommend.tables import Impressions
from pawsonalize.resources.artefacts import ArtefactStore
from pawsonalize.resources.campaigns import Campaign, CampaignUpdate
from pawsonalize.resources.datasets import DatasetGroup
from pawsonalize.resources.defaults import DATASET_GROUP, RECOMMENDER
from pawsonalize.resources.filters import apply, parse
from pawsonalize.resources.kind import Status
from pawsonalize.resources.registry import Campaigns, Registry
from pawsonalize.resources.solutions import Cut, Solution, SolutionVersion
from pawsonalize.testing.recipe_checks import training_data
from tests import event_loop
from tests.event_data import T0, event

ANN = Visitor("ann")
T = TypeVar("T")


def now_in(work: Coroutine[Any, Any, T]) -> T:
    return event_loop.run(work)


@pytest.fixture
def impressions(database: Database) -> Iterator[ImpressionLog]:
    impressions = ImpressionLog(Impressions(database))
    yield impressions
    impressions.close()


class Shop:
    """A dataset group with campaigns made straight from solution versions."""

    def __init__(self, registry: Registry, artefacts: ArtefactStore) -> None:
        self.registry = registry
        self.artefacts = artefacts
        registry.create(DatasetGroup(name="shop"), T0)

    def train(self, name: str, solution: str, recipe: str, items: str) -> None:
        fitted = recipe_named(recipe)
        seen = [(user, item, T0) for user in ("ann", "bob", "cyd") for item in items]
        model = fitted.fit(training_data(seen), fitted.settings(), 0)
        location = self.artefacts.save(name, model.card, model.arrays())
        version = SolutionVersion(
            name=name,
            solution=solution,
            recipe=recipe,
            cut=Cut(0, T0),
            status=Status.ACTIVE,
            artefact=location,
        )
        self.registry.create(version, T0)

    def campaign(self, name: str, recipe: str = "popularity-count", items: str = "abc") -> None:
        self.registry.create(Solution(name=name, dataset_group="shop", recipe=recipe), T0)
        self.train(f"{name}-v1", name, recipe, items)
        update = CampaignUpdate(solution_version=f"{name}-v1", requested_at=T0)
        self.registry.create(Campaign(name=name, solution=name, latest_update=update), T0)


@pytest.fixture
def shop(registry: Registry, artefacts: ArtefactStore) -> Shop:
    return Shop(registry, artefacts)


class Loading(Loader, frozen=True):
    """Counts what is loaded, and loads only while `open` is set."""

    loads: ClassVar[list[str]] = []
    open = threading.Event()

    def load(self, name: str, settings: ServingSettings, now: int) -> LoadedModel:
        assert self.open.wait(10)
        self.loads.append(name)
        return super().load(name, settings, now)


@pytest.fixture
def loading(registry: Registry, artefacts: ArtefactStore) -> Loading:
    Loading.loads = []
    Loading.open.set()
    return Loading(registry, artefacts)


Make = Callable[..., CampaignModels]


@pytest.fixture
def make(
    loading: Loading,
    registry: Registry,
    campaigns: Campaigns,
    log: EventLog,
    catalogue: Catalogue,
    availability: Availability,
    impressions: ImpressionLog,
    live: LiveModel,
) -> Iterator[Make]:
    made: list[CampaignModels] = []

    def make(limit: int = 9) -> CampaignModels:
        made.append(
            CampaignModels(
                registry,
                impressions,
                lambda name: LiveModel(name, campaigns, loading, ServingSettings()),
                pinned={RECOMMENDER: live},
                availability=AvailabilityWatch(availability),
                filterings=Filterings(log, catalogue),
                tests=RunningTests(),
                now=lambda: T0,
                limit=limit,
            )
        )
        return made[-1]

    yield make
    for each in made:
        each.close()


def asked(campaign_models: CampaignModels, campaign: str, **more: Any) -> list[str]:
    answer = now_in(campaign_models.of(campaign)).recommend(Query(ANN, T0, T0, limit=9, **more))
    return [item.item_id for item in answer.items]


def test_a_campaign_answers_when_it_is_first_asked_and_is_active_then(
    make: Make, shop: Shop, registry: Registry
) -> None:
    shop.campaign("toys")
    assert asked(make(), "toys") == ["a", "b", "c"]
    campaign = registry.get(Campaign, "toys")
    assert campaign.solution_version == "toys-v1"
    assert campaign.latest_update
    assert campaign.latest_update.status is Status.ACTIVE


def test_a_campaign_becomes_active_though_nobody_asks_it(
    make: Make, shop: Shop, registry: Registry
) -> None:
    shop.campaign("toys")
    make().refresh()
    assert registry.get(Campaign, "toys").solution_version == "toys-v1"


def test_a_visitor_is_who_they_are_in_the_campaigns_own_dataset_group(
    make: Make, shop: Shop, log: EventLog
) -> None:
    shop.campaign("toys", "user-personalization", "abcd")
    unknown = now_in(make().of("toys")).recommend(Query(Visitor("zoe"), T0, T0, limit=9))
    log.append([event("e1", item="d")])
    assert now_in(make().of("toys")).recommend(Query(ANN, T0, T0, limit=9)).items == unknown.items
    log.append([event("e1", item="d", dataset_group="shop")])
    assert now_in(make().of("toys")).recommend(Query(ANN, T0, T0, limit=9)).items != unknown.items


def test_a_filter_knows_the_items_and_events_of_the_campaigns_own_dataset_group(
    make: Make, shop: Shop, log: EventLog, catalogue: Catalogue
) -> None:
    shop.campaign("toys")
    for group, cheap in (("shop", "b"), (DATASET_GROUP, "c")):
        catalogue.of(group).put_items([Item(cheap, {"PRICE": 1.0})])
    log.append([event("e1", item="a"), event("e2", item="b", dataset_group="shop")])
    for text, items in (
        ("INCLUDE ItemID WHERE Items.PRICE < 5", ["b"]),
        ('EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("*")', ["a", "c"]),
    ):
        assert asked(make(), "toys", filter=apply(parse(text), {})) == items


def test_what_is_like_an_item_keeps_to_a_filter_that_speaks_of_it(
    make: Make, shop: Shop, catalogue: Catalogue
) -> None:
    shop.campaign("alike", "similar-items", "abc")
    prices = {"a": 3.0, "b": 2.0, "c": 1.0}
    catalogue.of("shop").put_items([Item(name, {"PRICE": at}) for name, at in prices.items()])
    cheaper = apply(parse("INCLUDE ItemID WHERE Items.PRICE <= CurrentItem.PRICE"), {})
    assert asked(make(), "alike", item_id="b", filter=cheaper) == ["c"]


def test_what_is_like_an_item_needs_the_item_and_leaves_it_out(make: Make, shop: Shop) -> None:
    shop.campaign("alike", "similar-items", "abc")
    assert set(asked(make(), "alike", item_id="b")) == {"a", "c"}
    assert set(asked(make(), "alike", item_id="unknown")) == {"a", "b", "c"}
    with pytest.raises(InvalidInput, match="name it"):
        asked(make(), "alike")


def test_a_recipe_that_needs_no_item_ignores_one(make: Make, shop: Shop) -> None:
    shop.campaign("toys")
    assert asked(make(), "toys", item_id="b") == ["a", "b", "c"]


def test_an_update_is_followed_and_the_runtime_at_hand_answers_from_it(
    make: Make, shop: Shop, campaigns: Campaigns
) -> None:
    shop.campaign("toys")
    campaign_models = make()
    before = now_in(campaign_models.of("toys"))
    shop.train("toys-v2", "toys", "popularity-count", "xy")
    campaigns.update("toys", "toys-v2", T0)
    assert asked(campaign_models, "toys") == ["a", "b", "c"], "the old version serves on"
    campaign_models.refresh()
    assert asked(campaign_models, "toys") == ["x", "y"]
    assert before.recommend(Query(ANN, T0, T0, limit=9)).solution_version == "toys-v2"


def test_a_deleted_campaign_answers_no_more_and_its_name_may_be_anothers(
    make: Make, shop: Shop, registry: Registry
) -> None:
    shop.campaign("toys")
    campaign_models = make()
    asked(campaign_models, "toys")
    registry.delete(Campaign, "toys")
    campaign_models.refresh()
    with pytest.raises(NotFound, match="create it"):
        asked(campaign_models, "toys")
    shop.train("toys-v2", "toys", "popularity-count", "xy")
    update = CampaignUpdate(solution_version="toys-v2", requested_at=T0)
    again = Campaign(name="toys", solution="toys", latest_update=update)
    registry.create(again, T0 + 1)
    assert asked(campaign_models, "toys") == ["x", "y"]


def test_who_was_asked_longest_ago_is_let_go_and_loaded_again(
    make: Make, shop: Shop, loading: Loading
) -> None:
    for name in ("one", "two", "three"):
        shop.campaign(name)
    campaign_models = make(limit=2)
    for name in ("one", "two", "one", "three", "one"):
        asked(campaign_models, name)
    assert loading.loads == ["one-v1", "two-v1", "three-v1"]
    asked(campaign_models, "two")
    assert loading.loads[3:] == ["two-v1"]


def test_nobody_waits_for_the_loading_of_another_campaign(
    make: Make, shop: Shop, loading: Loading
) -> None:
    shop.campaign("quick")
    shop.campaign("slow")
    campaign_models = make()

    async def both() -> None:
        await campaign_models.of("quick")
        loading.open.clear()
        slow = [asyncio.create_task(campaign_models.of("slow")) for _ in range(3)]
        await asyncio.sleep(0)
        await campaign_models.of("quick")
        assert not any(task.done() for task in slow)
        loading.open.set()
        await asyncio.gather(*slow)

    now_in(both())
    assert loading.loads == ["quick-v1", "slow-v1"], "those who ask at once share one model"


def test_a_campaign_that_serves_nothing_says_why(
    make: Make, shop: Shop, registry: Registry, tmp_path: Path
) -> None:
    campaign_models = make()
    with pytest.raises(NotReady, match="update it to one"):
        asked(campaign_models, RECOMMENDER)
    shop.campaign("broken")
    for file in (tmp_path / "models" / "broken-v1").iterdir():
        file.write_bytes(b"")
    campaign_models.refresh()
    with pytest.raises(NotReady, match="its version failed"):
        asked(campaign_models, "broken")
