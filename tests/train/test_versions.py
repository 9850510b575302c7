"""What shall be trained is written down before: once under a name, and checked."""

import msgspec
import pytest

from pawsonalize.core.database.database import Database
from pawsonalize.core.errors import (
    Conflict,
    CorruptArtefact,
    InvalidInput,
    NotFound,
    TooManyRequests,
)
from pawsonalize.core.times import DAY, SECOND
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.resources.artefacts import ArtefactStore
from pawsonalize.resources.campaigns import Campaign
from pawsonalize.resources.defaults import DATASET_GROUP
from pawsonalize.resources.kind import Status, moved
from pawsonalize.resources.registry import Campaigns, Registry
from pawsonalize.resources.solutions import (
    Cut,
    EventParameters,
    Solution,
    SolutionVersion,
    TrainingMode,
    TrainingSelection,
)
from pawsonalize.train.solutions import DatasetGroups, trained_settings
from pawsonalize.train.trainer import Trainer
from pawsonalize.train.versions import SolutionVersions
from tests.erasing import erase_users
from tests.event_data import T0, event


def test_a_version_remembers_the_solution_and_the_log_as_they_were(
    versions: SolutionVersions, registry: Registry, log: EventLog
) -> None:
    log.append([event("1"), event("2")])
    created = versions.create("recommender", as_of=T0 + 5, now=T0 + 9, seed=3)
    log.append([event("3")])
    solution = registry.get(Solution, "recommender")
    registry.update(msgspec.structs.replace(solution, recipe="trending-now"), T0)
    kept = versions.get(created.name)
    assert kept == created
    assert (kept.recipe, kept.cut, kept.seed) == ("popularity-count", Cut(2, T0 + 5), 3)
    assert (kept.status, kept.created_at) == (Status.CREATE_PENDING, T0 + 9)
    assert kept.name.startswith("recommender-")


def test_two_versions_of_one_moment_have_names_of_their_own(versions: SolutionVersions) -> None:
    names = {versions.create("recommender", as_of=T0, now=T0).name for _ in range(5)}
    assert len(names) == 5


def test_the_same_wish_under_the_same_name_is_one_version(
    versions: SolutionVersions, log: EventLog
) -> None:
    first = versions.create("recommender", as_of=T0, now=T0, name="daily")
    log.append([event("1")])
    assert versions.create("recommender", as_of=T0, now=T0 + 99, name="daily") == first
    with pytest.raises(Conflict, match="another seed"):
        versions.create("recommender", as_of=T0, now=T0, name="daily", seed=1)
    with pytest.raises(Conflict, match="another as_of"):
        versions.create("recommender", as_of=T0 + 1, now=T0, name="daily")
    with pytest.raises(Conflict, match="another recipe"):
        versions.create("recommender", as_of=T0, now=T0, name="daily", recipe="trending-now")
    with pytest.raises(Conflict, match="another solution"):
        versions.create("reranker", as_of=T0, now=T0, name="daily")


def test_what_cannot_be_trained_is_told_before_it_is_written_down(
    versions: SolutionVersions, registry: Registry
) -> None:
    with pytest.raises(NotFound, match="no solution named nobody"):
        versions.create("nobody", as_of=T0, now=T0)
    with pytest.raises(InvalidInput, match="there are popularity-count"):
        versions.create("recommender", as_of=T0, now=T0, recipe="magic")
    with pytest.raises(InvalidInput, match="no setting magic"):
        versions.create("recommender", as_of=T0, now=T0, settings={"magic": 1})
    assert list(registry.all(SolutionVersion)) == []


def test_a_weight_that_the_recipe_cannot_take_is_told(
    versions: SolutionVersions, registry: Registry
) -> None:
    solution = registry.get(Solution, "recommender")
    weighed = TrainingSelection((EventParameters("view", weight=0.5),))
    registry.update(msgspec.structs.replace(solution, selection=weighed), T0)
    with pytest.raises(InvalidInput, match=r"popularity-count has no weight for .* view"):
        versions.create("recommender", as_of=T0, now=T0)
    versions.create("recommender", as_of=T0, now=T0, recipe="user-personalization")


def test_event_types_without_a_meaning_have_weights_of_their_own(
    versions: SolutionVersions, registry: Registry
) -> None:
    solution = registry.get(Solution, "recommender")
    events = (EventParameters("Watch", weight=0.5), EventParameters("Purchase", weight=9.0))
    weighed = TrainingSelection((*events, EventParameters('"A, b"', weight=2.0)))
    registry.update(msgspec.structs.replace(solution, selection=weighed), T0)
    version = versions.create("recommender", as_of=T0, now=T0, recipe="user-personalization")
    weights = trained_settings(version).event_weights
    found = [weights.of_event(one, None) for one in ("Watch", "adoption", '"A, b"', "Rate")]
    assert found == [0.5, 9.0, 2.0, 1.0]


def test_an_update_needs_a_ready_version_that_is_not_newer(
    versions: SolutionVersions, trainer: Trainer
) -> None:
    def update(as_of: int) -> SolutionVersion:
        return versions.create("recommender", as_of=as_of, now=T0, mode=TrainingMode.UPDATE)

    with pytest.raises(InvalidInput, match="no version to update: train it in mode FULL"):
        update(T0)
    trending = versions.create("recommender", as_of=T0, now=T0 + 1, recipe="trending-now", seed=4)
    trainer.train(trending.name)
    with pytest.raises(InvalidInput, match="knows what came later"):
        update(T0 - 1)
    wanted = update(T0 + 7)
    assert (wanted.base, wanted.recipe, wanted.seed) == (trending.name, "trending-now", 4)


def test_an_update_of_a_version_that_learned_from_somebody_erased_is_refused(
    versions: SolutionVersions, trainer: Trainer, log: EventLog, database: Database
) -> None:
    def update() -> SolutionVersion:
        return versions.create("recommender", as_of=T0 + 7, now=T0 + 7, mode=TrainingMode.UPDATE)

    log.append([event("1", user="ann"), event("2", user="bob")])
    trainer.train(versions.create("recommender", as_of=T0, now=T0).name)
    erase_users(database, "ann", now=T0 + 1)
    with pytest.raises(InvalidInput, match="users were erased"):
        update()
    trainer.train(versions.create("recommender", as_of=T0 + 2, now=T0 + 2).name)
    assert update().mode is TrainingMode.UPDATE


def test_asking_again_for_an_update_that_is_ready_does_not_update_it_once_more(
    versions: SolutionVersions, trainer: Trainer
) -> None:
    base = versions.create("recommender", as_of=T0, now=T0, recipe="trending-now", seed=4)
    trainer.train(base.name)

    def daily() -> SolutionVersion:
        return versions.create(
            "recommender", as_of=T0 + 7, now=T0 + 7, mode=TrainingMode.UPDATE, name="daily"
        )

    trained = trainer.train(daily().name)
    later = versions.create("recommender", as_of=T0 + 9, now=T0 + 9, recipe="popularity-count")
    trainer.train(later.name)
    assert daily() == trained
    assert trained.base == base.name


def test_a_solution_goes_with_its_versions_and_their_models(
    versions: SolutionVersions,
    registry: Registry,
    trainer: Trainer,
    artefacts: ArtefactStore,
    campaigns: Campaigns,
) -> None:
    trained = trainer.train(versions.create("recommender", as_of=T0, now=T0).name)
    waiting = versions.create("recommender", as_of=T0, now=T0)
    with pytest.raises(Conflict, match="campaign recommender"):
        versions.delete_solution("recommender", T0)
    registry.delete(Campaign, "recommender")
    with pytest.raises(Conflict, match=f"solution version {waiting.name}"):
        versions.delete_solution("recommender", T0)
    registry.update(moved(waiting, Status.CREATE_FAILED), T0)
    versions.delete_solution("recommender", T0)
    assert list(registry.all(SolutionVersion)) == []
    assert registry.find(Solution, "recommender") is None
    assert trained.artefact is not None
    with pytest.raises(CorruptArtefact):
        artefacts.load(trained.artefact)


def test_more_trainings_a_day_than_the_dataset_group_may_have_are_refused(
    versions: SolutionVersions, registry: Registry
) -> None:
    DatasetGroups(registry).change(DATASET_GROUP, {"trainings_per_day": 2}, T0)
    first = versions.create("recommender", as_of=T0, now=T0, name="v1")
    versions.create("recommender", as_of=T0, now=T0 + 1, name="v2")
    with pytest.raises(TooManyRequests, match="2 times a day \\(trainings_per_day\\)") as error:
        versions.create("recommender", as_of=T0, now=T0 + 2, name="v3")
    assert 0 < error.value.retry_after <= DAY // SECOND
    assert versions.create("recommender", as_of=T0, now=T0 + 2, name="v1") == first
    versions.create("recommender", as_of=T0, now=T0 + DAY, name="v3")


def test_what_is_not_trained_after_all_does_not_count(
    versions: SolutionVersions, registry: Registry
) -> None:
    DatasetGroups(registry).change(DATASET_GROUP, {"trainings_per_day": 1}, T0)
    with pytest.raises(InvalidInput):
        versions.create("recommender", as_of=T0, now=T0, name="no name!")
    versions.create("recommender", as_of=T0, now=T0, name="v1")
