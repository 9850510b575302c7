"""Training: a part of the log becomes a model that can be served, the same one each time."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from pawsonalize.animals.tables.catalogue import Catalogue, Item
from pawsonalize.core.errors import Conflict, InvalidInput, StorageUnavailable
from pawsonalize.core.times import DAY
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.models.evaluation.metrics import METRICS
from pawsonalize.models.recipes.catalogue import RECIPES
from pawsonalize.recommend.live_model import LiveModel
from pawsonalize.resources.artefacts import ArtefactStore, FolderArtefacts
from pawsonalize.resources.kind import Status, moved
from pawsonalize.resources.registry import Campaigns, Registry
from pawsonalize.resources.solutions import (
    EventParameters,
    Solution,
    SolutionVersion,
    TrainingMode,
    TrainingSelection,
)
from pawsonalize.train import trainer
from pawsonalize.train.trainer import Trainer
from pawsonalize.train.versions import SolutionVersions
from tests.event_data import T0, event

Train = Callable[..., SolutionVersion]


@pytest.fixture
def train(log: EventLog, versions: SolutionVersions, trainer: Trainer) -> Train:
    """Creates a version of the recommender and trains it; the log has 20 events of 3 users."""
    log.append([event(f"{n}", user=f"u{n % 3}", item=f"2-B-1-{n % 4}", at=n) for n in range(20)])

    def train(as_of: int = T0 + 1000, now: int = T0, **wishes: object) -> SolutionVersion:
        created = versions.create("recommender", as_of=as_of, now=now, **wishes)  # type: ignore[arg-type]  # any
        return trainer.train(created.name)

    return train


def files(root: Path, version: SolutionVersion) -> dict[str, bytes]:
    """The artefact, byte for byte."""
    assert version.artefact is not None
    folder = root / "models" / version.artefact
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_trains_and_its_version_can_be_served(
    train: Train, live: LiveModel, campaigns: Campaigns, recipe: str
) -> None:
    trained = train(recipe=recipe)
    assert trained.status is Status.ACTIVE
    assert (trained.events, trained.users, trained.items) == (20, 3, 4)
    assert (trained.as_of, trained.log_offset, trained.progress) == (T0 + 1000, 20, None)
    campaigns.update("recommender", trained.name, T0)
    assert live.refresh(T0)
    card = live.current.model.card
    assert (card.recipe, card.fingerprint) == (recipe, trained.fingerprint)


def test_training_without_a_single_event_is_possible(
    versions: SolutionVersions, trainer: Trainer, subtests: pytest.Subtests
) -> None:
    for recipe in RECIPES:
        with subtests.test(recipe=recipe):
            created = versions.create("recommender", as_of=T0, now=T0, recipe=recipe)
            assert trainer.train(created.name).items == 0


def test_the_same_wish_makes_the_same_bytes_under_another_name(
    train: Train, tmp_path: Path
) -> None:
    one, two = (train(recipe="user-personalization") for _ in range(2))
    assert one.name != two.name
    assert files(tmp_path, one) == files(tmp_path, two)


def test_a_training_that_comes_late_sees_the_log_as_it_was_when_it_was_asked_for(
    train: Train, versions: SolutionVersions, trainer: Trainer, log: EventLog, tmp_path: Path
) -> None:
    before = train()
    asked = versions.create("recommender", as_of=T0 + 1000, now=T0)
    log.append([event("late", user="u9", item="2-B-1-9", at=50)])
    assert files(tmp_path, trainer.train(asked.name)) == files(tmp_path, before)
    assert train().events == 21


def test_only_the_events_that_the_solution_selects_are_trained_on(
    train: Train, log: EventLog, registry: Registry
) -> None:
    log.append(
        [
            event("r1", event_type="rated", event_value=4, at=0),
            event("r2", event_type="rated", event_value=2, at=0),
            event("r3", event_type="rated", at=0),
            event("r4", event_type="rated", event_value=5, at=-3 * DAY),
            event("o1", event_type="other", at=0),
        ]
    )

    def events_of(selection: TrainingSelection) -> int:
        solution = registry.get(Solution, "recommender")
        registry.update(msgspec.structs.replace(solution, selection=selection), T0)
        return train().events

    rated = EventParameters("rated", value_threshold=4)
    assert events_of(TrainingSelection()) == 25
    assert events_of(TrainingSelection((rated,))) == 2
    assert events_of(TrainingSelection((rated,), max_age_days=2)) == 1
    assert events_of(TrainingSelection((rated, EventParameters("view")))) == 22
    assert events_of(TrainingSelection((), max_age_days=2)) == 24


def test_a_version_that_is_ready_is_not_trained_again(train: Train, trainer: Trainer) -> None:
    trained = train()
    assert trainer.train(trained.name) == trained


def test_a_model_that_an_earlier_training_left_without_a_word_is_replaced(
    train: Train, versions: SolutionVersions, trainer: Trainer, artefacts: ArtefactStore
) -> None:
    other = train(recipe="trending-now")
    assert other.artefact is not None
    created = versions.create("recommender", as_of=T0, now=T0)
    artefacts.save(created.name, *artefacts.load(other.artefact))
    trained = trainer.train(created.name)
    assert trained.artefact is not None
    assert artefacts.load(trained.artefact)[0].recipe == "popularity-count"


def test_a_training_that_fails_says_why_and_can_be_tried_again(
    versions: SolutionVersions,
    trainer: Trainer,
    artefacts: ArtefactStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(self: FolderArtefacts, *arguments: object) -> str:
        raise StorageUnavailable("the disk is full")

    name = versions.create("recommender", as_of=T0, now=T0).name
    with monkeypatch.context() as patch:
        patch.setattr(FolderArtefacts, "save", fail)
        with pytest.raises(StorageUnavailable):
            trainer.train(name)
    failed = versions.get(name)
    assert (failed.status, failed.failure_reason) == (Status.CREATE_FAILED, "the disk is full")
    assert failed.artefact is None
    with pytest.raises(Conflict, match="CREATE FAILED"):
        trainer.train(name)


def test_a_training_that_was_stopped_ends_at_its_next_word(
    train: Train,
    versions: SolutionVersions,
    trainer: Trainer,
    registry: Registry,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name = versions.create("recommender", as_of=T0, now=T0).name
    rows = EventLog.training_rows

    def stopped(self: EventLog, *arguments: int, **more: int) -> object:
        registry.update(moved(versions.get(name), Status.CREATE_STOPPING), T0)
        return rows(self, *arguments, **more)

    monkeypatch.setattr(EventLog, "training_rows", stopped)
    with pytest.raises(Conflict):
        trainer.train(name)
    assert versions.get(name).status is Status.CREATE_STOPPING
    assert not list(tmp_path.glob("models/*"))


def test_a_training_says_how_far_it_is_and_a_report_that_fails_costs_nothing(
    train: Train,
    versions: SolutionVersions,
    trainer: Trainer,
    registry: Registry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    update, phases = Registry.update, []

    def noting(self: Registry, resource: SolutionVersion, now: int) -> SolutionVersion:
        if resource.progress is not None:
            phases.append(resource.progress.phase)
            if len(phases) == 2:
                raise StorageUnavailable("not now")
        return update(self, resource, now)

    name = versions.create("recommender", as_of=T0, now=T0).name
    monkeypatch.setattr(Registry, "update", noting)
    assert trainer.train(name).status is Status.ACTIVE
    assert phases == ["reading", "fitting", "saving"]


@pytest.mark.parametrize("recipe", [name for name in RECIPES if name != "next-best-action"])
def test_an_update_counts_anew_as_a_full_training_where_nothing_is_learned(
    train: Train, log: EventLog, catalogue: Catalogue, tmp_path: Path, recipe: str
) -> None:
    train(recipe=recipe, seed=5)
    for number in (1, 2):
        catalogue.put_items([Item(f"2-B-2-{number}", {})])
        log.append([event(f"late {number}", user="u1", item=f"2-New-1-{number}", at=-5)])
        log.append([event(f"next {number}", user="u9", item="2-B-2-2", at=number * DAY)])
        as_of = T0 + 1000 + number * DAY
        updated = train(as_of=as_of, now=T0 + number, mode=TrainingMode.UPDATE)
    full = train(as_of=as_of, now=T0 + 99, recipe=recipe, seed=5)
    assert (updated.fingerprint, updated.events) == (full.fingerprint, 24)
    made, whole = files(tmp_path, updated), files(tmp_path, full)
    assert made.keys() == whole.keys()
    differing = {name for name in made if made[name] != whole[name]}
    # Where something may have been learned, the card says on what.
    learns = recipe in ("user-personalization", "personalized-ranking")
    assert differing == ({"card.json", "SHA256SUMS"} if learns else set())


def test_an_unknown_recipe_is_answered_with_those_there_are(train: Train) -> None:
    with pytest.raises(InvalidInput, match="popularity-count"):
        train(recipe="magic")


@pytest.mark.parametrize("measured", [True, False])
def test_every_version_has_all_of_personalizes_metrics(train: Train, measured: bool) -> None:
    found = train(recipe="trending-now", measured=measured)
    assert found.metrics.keys() == {"coverage", *METRICS}
    assert found.unmeasured == ""
    assert train(mode=TrainingMode.UPDATE).metrics == found.metrics


def test_a_version_that_need_not_be_measured_first_is_ready_before_it_is(
    registry: Registry, train: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[SolutionVersion] = []

    def broken(*_arguments: object) -> None:
        seen.extend(registry.all(SolutionVersion))
        raise MemoryError

    monkeypatch.setattr(trainer, "held_out_metrics", broken)
    found = train()
    assert [each.status for each in seen] == [Status.ACTIVE]
    assert "being measured" in seen[0].unmeasured
    assert found.status is Status.ACTIVE
    assert found.metrics == {}
    assert "MemoryError" in found.unmeasured


def test_where_nobody_can_be_held_out_a_version_says_so(
    log: EventLog, versions: SolutionVersions, trainer: Trainer
) -> None:
    log.append([event("one")])
    created = versions.create("recommender", as_of=T0 + 1, now=T0)
    found = trainer.train(created.name)
    assert (found.status, found.metrics) == (Status.ACTIVE, {})
    assert "no user has two events" in found.unmeasured
