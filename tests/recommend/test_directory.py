"""Which dataset group and which campaign a request means."""

from typing import Any

import pytest

from pawsonalize.core.database.database import Database
from pawsonalize.core.errors import Conflict, InvalidInput, NotFound, NotReady
from pawsonalize.recommend.campaigns import Address, Directory, Purpose
from pawsonalize.resources.campaigns import Campaign, Recommender
from pawsonalize.resources.datasets import DatasetGroup
from pawsonalize.resources.defaults import DATASET_GROUP, RECOMMENDER, RERANKER
from pawsonalize.resources.kind import Resource, Status, moved
from pawsonalize.resources.registry import Registry
from pawsonalize.resources.solutions import Solution
from pawsonalize.resources.tables import ResourceRow, Resources
from tests.event_data import T0

SHOP = Address("shop")
KINDS: dict[str, type[Resource]] = {
    "group": DatasetGroup,
    "campaign": Campaign,
    "recommender": Recommender,
    "schema": Solution,
}


def reference(text: str) -> tuple[type[Resource], str] | None:
    """Full names of these tests: `name:kind/name`."""
    if not text.startswith("name:"):
        return None
    kind, _, name = text.removeprefix("name:").partition("/")
    return KINDS[kind], name


class Counted(Resources):
    """The resources table, and how often it was looked at."""

    looks = 0

    def get(self, kind: str, name: str) -> ResourceRow | None:
        self.looks += 1
        return super().get(kind, name)

    def list(self, kind: str, limit: int, **more: Any) -> list[ResourceRow]:
        self.looks += 1
        return super().list(kind, limit, **more)


class Shop:
    """A dataset group beside the default one, and a clock that is set by hand."""

    def __init__(self, registry: Registry, rows: Counted) -> None:
        self.registry, self.rows, self.now = registry, rows, T0
        registry.create(DatasetGroup(name="shop"), T0)
        self.directory = Directory(Registry(rows), reference, lambda: self.now)

    def campaign(self, name: str, recipe: str, *, at: int = 0, live: bool = True) -> None:
        solution = Solution(name=f"of-{name}", dataset_group="shop", recipe=recipe)
        self.registry.create(solution, T0)
        version = f"{name}-v1" if live else None
        campaign = Campaign(name=name, solution=solution.name, solution_version=version)
        self.registry.create(campaign, T0 + at)

    def recommender(self, name: str) -> None:
        one = Recommender(name=name, dataset_group="shop", recipe="user-personalization")
        self.registry.create(moved(moved(one, Status.CREATE_IN_PROGRESS), Status.ACTIVE), T0)

    def asked(self, purpose: Purpose = Purpose.RECOMMENDING, address: Address = SHOP) -> str:
        self.now += 1_000
        return self.directory.campaign(address, purpose)


@pytest.fixture
def shop(registry: Registry, database: Database) -> Shop:
    return Shop(registry, Counted(database))


def test_the_nearest_recipe_answers_each_question(shop: Shop) -> None:
    shop.campaign("hot", "popularity-count")
    assert {shop.asked(purpose) for purpose in Purpose} == {"hot"}
    shop.campaign("yours", "user-personalization", at=1)
    assert {shop.asked(purpose) for purpose in Purpose} == {"yours"}
    shop.campaign("alike", "similar-items", at=2)
    shop.campaign("ordered", "personalized-ranking", at=3)
    assert [shop.asked(purpose) for purpose in Purpose] == ["yours", "alike", "ordered"]


def test_of_several_that_are_as_near_the_first_answers_so_that_a_trial_changes_nothing(
    shop: Shop,
) -> None:
    shop.campaign("second", "user-personalization", at=2)
    shop.campaign("first", "user-personalization", at=1)
    shop.campaign("earlier-but-empty", "user-personalization", live=False)
    assert shop.asked() == "first"
    assert shop.asked(address=Address("shop", "second")) == "second"


def test_one_that_serves_nothing_yet_is_asked_where_no_other_is(shop: Shop) -> None:
    shop.campaign("new", "user-personalization", live=False)
    assert shop.asked() == "new", "which then says why it does not answer"


def test_a_group_without_a_campaign_for_the_question_says_what_it_has(shop: Shop) -> None:
    shop.campaign("alike", "similar-items")
    with pytest.raises(NotFound, match=r"no campaign that ranks; it has alike \(similar-items\)"):
        shop.asked(Purpose.RANKING)


def test_without_a_model_by_default_the_groups_that_have_one_are_named(shop: Shop) -> None:
    with pytest.raises(NotReady, match=r"run `pawsonalize train`, then ask again$"):
        shop.asked(address=Address())
    shop.campaign("yours", "user-personalization")
    with pytest.raises(NotReady, match=r"name a datasetGroup that serves one: shop \(yours\)"):
        shop.asked(address=Address())


def test_which_campaign_serves_is_known_without_an_error_where_none_does(shop: Shop) -> None:
    assert shop.directory.serving(DATASET_GROUP, Purpose.RECOMMENDING) is None
    assert shop.directory.serving("shop", Purpose.RECOMMENDING) is None
    shop.campaign("yours", "user-personalization")
    shop.now += 1_000
    assert shop.directory.serving("shop", Purpose.RECOMMENDING) == "yours"


def test_another_campaign_of_the_default_group_answers_while_its_own_do_not(shop: Shop) -> None:
    solution = Solution(name="mine", dataset_group=DATASET_GROUP, recipe="user-personalization")
    shop.registry.create(solution, T0)
    shop.registry.create(Campaign(name="mine", solution="mine", solution_version="v"), T0)
    assert shop.asked(address=Address()) == "mine"
    for name in (RECOMMENDER, RERANKER):
        assert shop.asked(address=Address(None, name)) == name


@pytest.mark.parametrize("named", ["bought", "name:recommender/bought", "bought-recommender"])
def test_a_recommender_is_a_campaign_too_while_it_is_not_stopped(shop: Shop, named: str) -> None:
    shop.campaign("bought-recommender", "user-personalization")
    shop.recommender("bought")
    assert shop.asked(address=Address(None, named)) == "bought-recommender"
    assert shop.asked() == "bought-recommender"
    stopped = moved(shop.registry.get(Recommender, "bought"), Status.INACTIVE)
    shop.registry.update(stopped, T0)
    with pytest.raises(Conflict, match="INACTIVE: start it"):
        shop.asked(address=Address(None, named))
    with pytest.raises(NotFound, match="no campaign that recommends"):
        shop.asked()


def test_a_recommender_without_a_campaign_is_not_ready_or_failed(shop: Shop) -> None:
    one = Recommender(name="bought", dataset_group="shop", recipe="user-personalization")
    shop.registry.create(one, T0)
    with pytest.raises(NotReady, match="recommender bought is CREATE PENDING: ask again"):
        shop.asked(address=Address(None, "bought"))
    found = shop.registry.get(Recommender, "bought")
    shop.registry.update(moved(found, Status.CREATE_FAILED, failure_reason="no events"), T0)
    with pytest.raises(Conflict, match=r"CREATE FAILED \(no events\): delete it"):
        shop.asked(address=Address(None, "bought"))


def test_what_is_not_there_is_told_with_its_field(shop: Shop, subtests: pytest.Subtests) -> None:
    cases: list[tuple[Address, type[Exception], str]] = [
        (Address("shap"), NotFound, "datasetGroup"),
        (Address(""), NotFound, "datasetGroup"),
        (Address("name:campaign/yours"), InvalidInput, "datasetGroup"),
        (Address(None, "hers"), NotFound, "campaign"),
        (Address(None, "name:group/shop"), InvalidInput, "campaign"),
        (Address(None, "name:recommender/yours"), NotFound, "campaign"),
        (Address(DATASET_GROUP, "yours"), NotFound, "campaign"),
    ]
    shop.campaign("yours", "user-personalization")
    for address, error, field in cases:
        with subtests.test(address=address, error=error, field=field):
            with pytest.raises(error) as raised:
                shop.asked(address=address)
            assert getattr(raised.value, "field", None) == field
            with pytest.raises(error):
                shop.directory.dataset_group(address)


def test_a_group_is_found_by_either_name_and_by_its_campaign(shop: Shop) -> None:
    shop.campaign("yours", "user-personalization")
    for address in (SHOP, Address("name:group/shop"), Address(None, "name:campaign/yours")):
        assert shop.directory.dataset_group(address) == "shop"
    assert shop.directory.dataset_group(Address()) == DATASET_GROUP


def test_actions_are_not_recommended_here(shop: Shop) -> None:
    shop.campaign("next", "next-best-action")
    with pytest.raises(InvalidInput, match="suggests actions"):
        shop.asked(address=Address(None, "next"))


def test_what_was_found_is_not_looked_up_again_within_the_second(shop: Shop) -> None:
    shop.campaign("yours", "user-personalization")
    shop.asked()
    before = shop.rows.looks
    for _ in range(10):
        assert shop.directory.campaign(SHOP, Purpose.RECOMMENDING) == "yours"
        assert shop.directory.campaign(Address("name:group/shop"), Purpose.RECOMMENDING) == "yours"
    assert shop.rows.looks == before
    assert shop.directory.dataset_group(Address()) == DATASET_GROUP
    assert shop.rows.looks == before, "the default group is never looked up"
