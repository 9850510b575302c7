"""Resources: created once, changed by who saw the newest, deleted when nothing needs them."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pawsonalize.core.database.database import Database
from pawsonalize.core.errors import Conflict, CorruptArtefact, InvalidInput, LimitExceeded, NotFound
from pawsonalize.core.schemas import DatasetType, Schema
from pawsonalize.resources.campaigns import Campaign, CampaignUpdate, Recommender
from pawsonalize.resources.datasets import (
    Dataset,
    DatasetGroup,
    DatasetImportJob,
    DatasetSchema,
    EventTracker,
    Filter,
)
from pawsonalize.resources.defaults import ensure_defaults
from pawsonalize.resources.kind import Resource, Status, moved
from pawsonalize.resources.registry import Registry, from_row, resource_page, to_row
from pawsonalize.resources.solutions import (
    Cut,
    EventParameters,
    Solution,
    SolutionVersion,
    TrainingSelection,
)
from pawsonalize.resources.tables import ResourceRow, Resources
from tests.event_data import T0

V1 = SolutionVersion(name="v1", solution="recommender", recipe="trending-now", cut=Cut(5, T0))
KINDS: tuple[Resource, ...] = (
    DatasetGroup(name="a"),
    DatasetSchema(name="a", dataset_type=DatasetType.USERS, avro="{}"),
    Dataset(name="a", dataset_group="a", dataset_type=DatasetType.USERS, schema="a"),
    DatasetImportJob(name="a", dataset="a", source="x.csv", accepted=7, failure_reason="no"),
    EventTracker(name="a", dataset_group="a", tracking_id="t"),
    Filter(name="a", dataset_group="a", expression="INCLUDE …"),
    Solution(
        name="a",
        dataset_group="a",
        recipe="r",
        settings={"doubt": 0.5, "learn": True},
        selection=TrainingSelection((EventParameters("view", 0.5, 2.0),), 30.0),
    ),
    msgspec.structs.replace(V1, metrics={"m": 0.5}, revision=4),
    Campaign(
        name="a",
        solution="a",
        latest_update=CampaignUpdate(solution_version="v", requested_at=T0),
        exploration_weight=0.0,
    ),
)


@pytest.fixture
def empty(database: Database) -> Registry:
    return Registry(Resources(database))


def test_campaigns_of_recommenders_are_in_no_list_and_take_no_room(empty: Registry) -> None:
    empty.create(DatasetGroup(name="a"), T0)
    empty.create(Recommender(name="r", dataset_group="a", recipe="r"), T0)
    for name in (*(f"c{number}" for number in range(5)), "r-recommender"):
        empty.create(Solution(name=name, dataset_group="a", recipe="r"), T0)
        empty.create(Campaign(name=name, solution=name), T0)
    with pytest.raises(LimitExceeded):
        empty.create(Campaign(name="over", solution="c0"), T0)
    found = {one.name for one in empty.listed(Campaign)}
    assert found == {one.name for one in resource_page(empty, Campaign, 9).resources}
    assert found == {f"c{number}" for number in range(5)}


@pytest.mark.parametrize("resource", KINDS, ids=lambda resource: resource.kind)
def test_every_kind_comes_back_as_it_was_created(empty: Registry, resource: Resource) -> None:
    for needed in KINDS[: KINDS.index(resource)]:
        empty.create(needed, T0)
    created = empty.create(resource, T0)
    assert (created.created_at, created.updated_at) == (T0, T0)
    assert empty.get(type(resource), resource.name) == created
    with pytest.raises(Conflict, match=f"{resource.kind} named"):
        empty.create(resource, T0)


def test_a_row_of_another_shape_is_told_and_not_believed() -> None:
    row = to_row(DatasetGroup(name="a"))
    with pytest.raises(CorruptArtefact, match="dataset group a"):
        from_row(row, Campaign)


@given(name=st.text(max_size=3) | st.sampled_from(["a/b", "..", "-a", "a" * 129, "a\n"]))
def test_a_name_that_is_no_plain_word_is_refused_and_never_found(name: str) -> None:
    class Untouched:
        def __getattr__(self, method: str) -> None:
            raise AssertionError(f"{method} was called")

    registry = Registry(Untouched())  # type: ignore[arg-type]  # nothing of it may be used
    if name.isascii() and name.isalnum():
        return
    if name and name[0].isascii() and name[0].isalnum() and not set(name[1:]) - set("-_"):
        return
    with pytest.raises(InvalidInput, match="letters, digits"):
        registry.create(DatasetGroup(name=name), T0)
    assert registry.find(DatasetGroup, name) is None


def test_of_two_updates_from_one_revision_the_second_is_refused(empty: Registry) -> None:
    seen = empty.create(DatasetGroup(name="a"), T0)
    newer = empty.update(seen, T0 + 1)
    assert (newer.revision, newer.created_at, newer.updated_at) == (2, T0, T0 + 1)
    with pytest.raises(Conflict, match="look again"):
        empty.update(seen, T0 + 2)
    assert empty.get(DatasetGroup, "a") == newer


def test_a_change_is_made_of_the_newest_revision_whoever_else_writes(empty: Registry) -> None:
    empty.create(DatasetGroup(name="a"), T0)
    others = [{"b": "1"}, {"c": "1"}]

    def tagged(group: DatasetGroup) -> DatasetGroup:
        if others:  # somebody is faster, twice
            other = msgspec.structs.replace(group, tags={**group.tags, **others.pop()})
            empty.update(other, T0 + 1)
        return msgspec.structs.replace(group, tags={**group.tags, "mine": "1"})

    changed = empty.change(DatasetGroup, "a", tagged, T0 + 2)
    assert changed.tags == {"b": "1", "c": "1", "mine": "1"}
    assert empty.get(DatasetGroup, "a") == changed
    assert empty.change(DatasetGroup, "a", lambda same: same, T0 + 3) == changed


def test_a_change_or_delete_that_never_gets_through_is_a_conflict() -> None:
    class Contested:
        """Rows that somebody else always changes first."""

        def get(self, kind: str, name: str) -> ResourceRow:
            return to_row(DatasetGroup(name=name))

        def update(self, row: ResourceRow, *, expected_revision: int) -> bool:
            return False

        def delete(self, kind: str, name: str, *, expected_revision: int) -> bool:
            return False

        def list(self, *_: object, **__: object) -> list[ResourceRow]:
            return []

    registry = Registry(Contested())  # type: ignore[arg-type]  # only what is used of it
    with pytest.raises(Conflict, match="look again"):
        registry.change(
            DatasetGroup, "a", lambda group: msgspec.structs.replace(group, tags={"t": "1"}), T0
        )
    with pytest.raises(Conflict, match="look again"):
        registry.delete(DatasetGroup, "a")


def test_pages_hold_everything_once_newest_first_whatever_arrives_meanwhile(
    empty: Registry,
) -> None:
    for n in range(7):
        empty.create(schema(f"g{n}"), T0 + n // 2)
    found: list[str] = []
    cursor = None
    while True:
        page = resource_page(empty, DatasetSchema, 3, cursor=cursor)
        found += [one.name for one in page.resources]
        empty.create(schema(f"late{len(found)}"), T0 + 99)
        cursor = page.next_cursor
        if cursor is None:
            break
    assert found == ["g6", "g5", "g4", "g3", "g2", "g1", "g0"]


def schema(name: str) -> DatasetSchema:
    return DatasetSchema(name=name, dataset_type=DatasetType.ITEMS, avro="{}")


def test_a_cursor_of_somebody_else_is_refused(empty: Registry, subtests: pytest.Subtests) -> None:
    for cursor in ["", "1", "1.", ".a", "1.a b", "x.a", "1.a\n"]:
        with subtests.test(cursor=cursor), pytest.raises(InvalidInput, match="cursor"):
            resource_page(empty, DatasetGroup, 3, cursor=cursor)


def test_the_defaults_are_created_once_and_the_setting_names_the_recommenders_recipe(
    empty: Registry,
) -> None:
    ensure_defaults(empty, "popularity-count", T0)
    created = empty.get(DatasetGroup, "pawsonalize")
    ensure_defaults(empty, "trending-now", T0 + 1)
    assert empty.get(DatasetGroup, "pawsonalize") == created
    recipes = {solution.name: solution.recipe for solution in empty.all(Solution)}
    assert recipes == {"recommender": "trending-now", "reranker": "personalized-ranking"}
    assert {campaign.solution for campaign in empty.all(Campaign)} == {"recommender", "reranker"}


def test_the_default_schemas_are_ones_that_an_import_would_take(registry: Registry) -> None:
    schemas = list(registry.all(DatasetSchema))
    assert len(schemas) > 2
    for schema in schemas:
        assert Schema.parse(schema.avro, schema.dataset_type).field(
            "ITEM_ID" if schema.dataset_type is not DatasetType.USERS else "USER_ID"
        )


@pytest.mark.parametrize(
    ("kind", "name", "first"),
    [
        (DatasetGroup, "pawsonalize", "solution re"),
        (DatasetSchema, "pawsonalize-items", "dataset pawsonalize-items"),
        (Solution, "recommender", "campaign recommender"),
    ],
)
def test_what_is_needed_is_not_deleted_and_what_needs_it_is_named(
    registry: Registry, kind: type[Resource], name: str, first: str
) -> None:
    with pytest.raises(Conflict, match=f"needed by {first}"):
        registry.delete(kind, name)
    assert registry.find(kind, name) is not None


def test_a_dataset_goes_when_its_import_has_ended(registry: Registry) -> None:
    job = registry.create(
        DatasetImportJob(
            name="j", dataset="pawsonalize-items", source="x", status=Status.CREATE_IN_PROGRESS
        ),
        T0,
    )
    with pytest.raises(Conflict, match="dataset import job j"):
        registry.delete(Dataset, "pawsonalize-items")
    registry.update(moved(job, Status.ACTIVE), T0)
    registry.delete(Dataset, "pawsonalize-items")
    registry.delete(DatasetSchema, "pawsonalize-items")


def test_a_version_that_a_campaign_may_have_to_serve_is_not_deleted(registry: Registry) -> None:
    for field in ("solution_version", "previous_version"):
        registry.create(msgspec.structs.replace(V1, name=field), T0)
        campaign = registry.get(Campaign, "recommender")
        registry.update(msgspec.structs.replace(campaign, **{field: field}), T0)
        with pytest.raises(Conflict, match="campaign recommender"):
            registry.delete(SolutionVersion, field)
    registry.create(V1, T0)
    registry.delete(SolutionVersion, "v1")


def test_deleting_what_is_not_there_says_so(registry: Registry) -> None:
    with pytest.raises(NotFound, match="no campaign named nobody"):
        registry.delete(Campaign, "nobody")


@given(path=st.lists(st.sampled_from(Status), min_size=1, max_size=8))
def test_only_the_steps_of_the_drawing_are_taken(path: list[Status]) -> None:
    """AWS's states: settled ones stay, and nothing comes back from its deletion."""
    resource = DatasetGroup(name="a", status=Status.CREATE_PENDING)
    for status in path:
        before = resource.status
        try:
            resource = moved(resource, status)
        except Conflict:
            continue
        assert before is not Status.DELETE_IN_PROGRESS
        if status is Status.ACTIVE:
            assert before is Status.CREATE_IN_PROGRESS
        if before is Status.ACTIVE:
            assert status is Status.DELETE_PENDING
        if before is Status.DELETE_PENDING:
            assert status is Status.DELETE_IN_PROGRESS
        if status is Status.CREATE_STOPPED:
            assert before is Status.CREATE_STOPPING
