"""Folds: new events become counts of a served version, beside it."""

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import msgspec
import numpy as np
import pytest

from pawsonalize.animals.tables.catalogue import Catalogue
from pawsonalize.core.database.database import Database
from pawsonalize.core.errors import CorruptArtefact, StorageUnavailable
from pawsonalize.core.times import DAY
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.events.tables.event_reads import LogStart
from pawsonalize.models.recipes.catalogue import RECIPES
from pawsonalize.models.recipes.contract import Context
from pawsonalize.recommend.exploration import Exposure
from pawsonalize.recommend.live_model import (
    LiveModel,
    Loader,
    RefreshedArtefacts,
    RefreshedCounts,
    ServingSettings,
    load_model,
)
from pawsonalize.recommend.tables import Impressions
from pawsonalize.resources.artefacts import ArtefactStore, FolderArtefacts
from pawsonalize.resources.campaigns import Campaign
from pawsonalize.resources.registry import Campaigns, Registry
from pawsonalize.resources.solutions import Cut, SolutionVersion, TrainingMode
from pawsonalize.train.refresh import CountRefresher
from pawsonalize.train.trainer import Trainer
from pawsonalize.train.versions import SolutionVersions
from tests.event_data import T0, event

NOW = T0 + 1000
NEW = "2-New-1-1"


@pytest.fixture
def folder(
    registry: Registry, log: EventLog, catalogue: Catalogue, artefacts: ArtefactStore
) -> CountRefresher:
    return CountRefresher(registry, log, catalogue, artefacts)


class World:
    """A version that is served, and events that come after it."""

    def __init__(
        self,
        log: EventLog,
        versions: SolutionVersions,
        trainer: Trainer,
        campaigns: Campaigns,
        live: LiveModel,
    ) -> None:
        self._log, self._versions, self._trainer = log, versions, trainer
        self._campaigns, self._live = campaigns, live
        log.append([event(f"{n}", user=f"u{n % 3}", item=f"2-B-1-{n % 4}", at=n) for n in range(9)])

    def train(self, recipe: str = "user-personalization") -> SolutionVersion:
        created = self._versions.create("recommender", as_of=NOW, now=NOW, recipe=recipe)
        return self._trainer.train(created.name)

    def serve(self, recipe: str = "user-personalization") -> SolutionVersion:
        version = self.train(recipe)
        self._campaigns.update("recommender", version.name, NOW)
        self._live.refresh(NOW)
        return version

    def see(self, *items: str, at: int = 500) -> None:
        head = self._log.head()
        self._log.append(
            [event(f"+{head + n}", user=f"n{head}", item=one, at=at) for n, one in enumerate(items)]
        )


@pytest.fixture
def world(
    log: EventLog,
    versions: SolutionVersions,
    trainer: Trainer,
    campaigns: Campaigns,
    live: LiveModel,
) -> World:
    return World(log, versions, trainer, campaigns, live)


@pytest.mark.parametrize("recipe", [name for name in RECIPES if name != "next-best-action"])
def test_a_fold_is_what_a_training_of_that_moment_would_be(
    world: World, folder: CountRefresher, artefacts: ArtefactStore, recipe: str
) -> None:
    version = world.serve(recipe)
    assert folder.refresh(version.name, NOW) is None, "nothing is new"
    world.see(NEW, "2-B-1-1")
    counts = folder.refresh(version.name, NOW)
    assert counts is not None
    assert counts.cut == Cut(11, NOW)
    _card, arrays = artefacts.load(counts.location)
    whole = load_model(artefacts, world.train(recipe))
    assert arrays.keys() == whole.arrays().keys()
    for name, array in whole.arrays().items():
        assert array.tobytes() == arrays[name].tobytes(), name
    assert folder.refresh(version.name, NOW) is None, "it is refreshed already"


@pytest.mark.parametrize("recipe", [name for name in RECIPES if name != "next-best-action"])
def test_events_that_left_the_log_leave_the_counts_of_the_next_fold_and_update(
    world: World,
    folder: CountRefresher,
    artefacts: ArtefactStore,
    database: Database,
    versions: SolutionVersions,
    trainer: Trainer,
    recipe: str,
) -> None:
    version = world.serve(recipe)
    LogStart(database).forget(3, 99)
    world.see(NEW, "2-B-1-1")
    counts = folder.refresh(version.name, NOW)
    assert counts is not None
    updating = versions.create("recommender", as_of=NOW, now=NOW, mode=TrainingMode.UPDATE)
    assert trainer.train(updating.name).events == 8
    whole = load_model(artefacts, world.train(recipe)).arrays()
    for location in (counts.location, updating.name):
        _card, arrays = artefacts.load(location)
        for name, array in whole.items():
            assert array.tobytes() == arrays[name].tobytes(), name


def test_a_version_of_old_that_kept_no_rows_is_folded_from_the_whole_log(
    world: World, folder: CountRefresher, artefacts: ArtefactStore
) -> None:
    version = world.serve()
    assert version.artefact is not None
    card, arrays = artefacts.load(version.artefact)
    artefacts.remove(version.artefact)
    kept = {name: array for name, array in arrays.items() if not name.startswith("rows.")}
    artefacts.save(version.artefact, card, kept)
    world.see(NEW)
    counts = folder.refresh(version.name, NOW + 1)
    assert counts is not None
    refreshed = msgspec.structs.replace(version, artefact=counts.location)
    assert NEW in load_model(artefacts, refreshed).item_ids


def test_only_the_newest_folds_of_what_is_or_was_just_served_are_kept(
    world: World, folder: CountRefresher, artefacts: ArtefactStore
) -> None:
    older = world.serve()
    world.see("a")
    folder.refresh(older.name, NOW)
    version = world.serve()
    offsets = []
    for number in range(4):
        world.see("a")
        counts = folder.refresh(version.name, NOW + number)
        assert counts is not None
        offsets.append(counts.cut.log_offset)
    refreshes = RefreshedArtefacts(artefacts)
    assert [counts.cut.log_offset for counts in refreshes.of(version.name)] == offsets[-2:]
    assert refreshes.newest(version.name) == counts
    assert len(refreshes.of(older.name)) == 1, "a rollback would serve it"
    latest = world.serve()
    world.see("a")
    folder.refresh(latest.name, NOW)
    assert refreshes.of(older.name) == []
    trained = {older.artefact, version.artefact, latest.artefact}
    assert trained <= set(artefacts.locations(""))


def test_a_deleted_solution_leaves_no_folds(
    world: World, artefacts: ArtefactStore, versions: SolutionVersions, registry: Registry
) -> None:
    version = world.train()
    artefacts.save(
        RefreshedCounts(version.name, Cut(99, NOW)).location, *artefacts.load(version.name)
    )
    registry.delete(Campaign, "recommender")
    versions.delete_solution("recommender", NOW)
    assert artefacts.locations("") == []


def test_a_fold_of_before_changes_of_items_were_counted_is_found() -> None:
    assert RefreshedCounts.at("v.counts-00000000000000000009-7") == RefreshedCounts("v", Cut(9, 7))
    newer = RefreshedCounts("v", Cut(9, 7, 1))
    assert RefreshedCounts.at(newer.location) == newer


def test_a_fold_that_dies_leaves_the_version_as_it_was(
    world: World, folder: CountRefresher, artefacts: ArtefactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = world.serve()
    world.see(NEW)
    with monkeypatch.context() as patch:
        patch.setattr(np, "save", _full_disk)
        with pytest.raises(StorageUnavailable):
            folder.refresh(version.name, NOW)
    assert artefacts.locations("") == [version.artefact]
    assert folder.refresh(version.name, NOW) is not None


def _full_disk(*_arguments: object, **_more: object) -> None:
    raise OSError("no space left on device")


def test_who_serves_the_version_swaps_to_its_newest_counts_and_keeps_its_name(
    world: World, folder: CountRefresher, live: LiveModel
) -> None:
    version = world.serve()
    held = live.current
    world.see(NEW, NEW)
    folder.refresh(version.name, NOW)
    assert not live.refresh(NOW), "it is the same version"
    served = live.current
    assert (served.version, served.cut) == (version, Cut(11, NOW))
    assert NEW in served.model.item_ids
    assert NEW not in held.model.item_ids
    live.refresh(NOW)
    assert live.current is served, "nothing is loaded twice"
    world.see(NEW)
    newest = folder.refresh(version.name, NOW + 5)
    live.refresh(NOW)
    assert live.current.counts == newest


def test_a_worker_that_starts_late_serves_the_fold_at_once_and_waits_for_no_turn(
    world: World,
    folder: CountRefresher,
    registry: Registry,
    campaigns: Campaigns,
    artefacts: ArtefactStore,
) -> None:
    version = world.serve()
    world.see(NEW)
    counts = folder.refresh(version.name, NOW)

    def of_another() -> AbstractContextManager[bool]:
        return nullcontext(False)

    late = LiveModel(
        "recommender", campaigns, Loader(registry, artefacts), ServingSettings(), turn=of_another
    )
    assert late.refresh(NOW)
    assert late.current.counts == counts
    assert NEW in late.current.model.item_ids


def test_a_broken_fold_is_not_served_and_tried_once(
    world: World,
    folder: CountRefresher,
    live: LiveModel,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    version = world.serve()
    before = live.current
    world.see(NEW)
    counts = folder.refresh(version.name, NOW)
    assert counts is not None
    (tmp_path / "models" / counts.location / "cells.npy").write_bytes(b"no array")
    tried: list[str] = []
    load = FolderArtefacts.load

    def noting(self: FolderArtefacts, location: str) -> object:
        tried.append(location)
        return load(self, location)

    monkeypatch.setattr(FolderArtefacts, "load", noting)
    for _ in range(3):
        assert not live.refresh(NOW)
    assert tried == [counts.location]
    assert live.current is before
    world.see(NEW)
    folder.refresh(version.name, NOW + 1)
    live.refresh(NOW)
    assert live.current.cut.log_offset == 11


def test_exploration_follows_the_items_and_events_of_the_fold(
    world: World,
    folder: CountRefresher,
    registry: Registry,
    campaigns: Campaigns,
    artefacts: ArtefactStore,
    database: Database,
    log: EventLog,
    catalogue: Catalogue,
) -> None:
    exploring = LiveModel(
        "recommender",
        campaigns,
        Loader(registry, artefacts, Exposure(log, catalogue, Impressions(database))),
        ServingSettings(exploration_weight=0.5),
    )
    version = world.serve()
    world.see(NEW, "2-B-1-0", "2-B-1-0", at=-DAY)
    folder.refresh(version.name, NOW)
    exploring.refresh(NOW)
    served = exploring.current
    assert served.novelty is not None
    novelty = dict(zip(served.model.item_ids, served.novelty.weights.tolist(), strict=True))
    assert novelty[NEW] == 2**20 // 2
    assert novelty["2-B-1-0"] == 2**20 // 6


def test_a_rollback_goes_back_to_the_version_as_it_was_served_last(
    world: World, folder: CountRefresher, live: LiveModel, campaigns: Campaigns
) -> None:
    first = world.serve()
    world.see(NEW)
    folder.refresh(first.name, NOW)
    live.refresh(NOW)
    world.serve()
    campaigns.rollback("recommender", NOW)
    assert live.refresh(NOW)
    assert live.current.version.name == first.name
    assert NEW in live.current.model.item_ids


def test_a_version_that_is_gone_cannot_be_folded(
    world: World, folder: CountRefresher, artefacts: ArtefactStore
) -> None:
    version = world.serve()
    assert version.artefact is not None
    artefacts.remove(version.artefact)
    world.see(NEW)
    with pytest.raises(CorruptArtefact):
        folder.refresh(version.name, NOW)


def test_a_fold_scores_for_everyone(world: World, folder: CountRefresher, live: LiveModel) -> None:
    version = world.serve()
    world.see(NEW, "2-B-1-3")
    folder.refresh(version.name, NOW)
    live.refresh(NOW)
    scores = live.current.model.score_catalogue(Context((), NOW))
    assert scores.sum() == pytest.approx(1, abs=1e-5)


def test_counts_that_cannot_be_reached_are_tried_again(
    world: World, folder: CountRefresher, live: LiveModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = world.serve()
    before = live.current
    world.see(NEW)
    folder.refresh(version.name, NOW)

    def unreachable(self: FolderArtefacts, location: str) -> None:
        raise StorageUnavailable("the object store did not answer")

    with monkeypatch.context() as patch:
        patch.setattr(FolderArtefacts, "load", unreachable)
        with pytest.raises(StorageUnavailable):
            live.refresh(NOW)
    assert live.current is before
    live.refresh(NOW)
    assert NEW in live.current.model.item_ids
