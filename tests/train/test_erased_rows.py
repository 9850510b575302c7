"""Erased visitors leave the rows that trainings kept, in every version there is."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import pytest

from pawsonalize.animals.tables.catalogue import Catalogue
from pawsonalize.core.errors import StorageUnavailable
from pawsonalize.core.event import digest
from pawsonalize.core.objects.stores import LocalObjects
from pawsonalize.core.times import DAY
from pawsonalize.events.erasure.erased_archive import NamedErasure, ignore_progress
from pawsonalize.events.erasure.tables import ErasedNames, Erasure, Trouble
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.models.recipes.artefact import ModelCard
from pawsonalize.models.recipes.data import Arrays
from pawsonalize.recommend.live_model import Loader, RefreshedArtefacts, ServingSettings
from pawsonalize.resources.artefacts import ArtefactStore
from pawsonalize.resources.kind import Status
from pawsonalize.resources.registry import Registry
from pawsonalize.resources.solutions import SolutionVersion
from pawsonalize.resources.tables import ArtefactIndex, ListedArtefact
from pawsonalize.train.kept_rows import VISITORS, ErasedRows, KeptRows
from pawsonalize.train.refresh import CountRefresher
from pawsonalize.train.trainer import Trainer
from pawsonalize.train.versions import SolutionVersions
from tests.artefact_data import Fleet
from tests.event_data import T0, event

ANN = digest("u:ann")


class World:
    """Versions of a log of Ann and Bob."""

    def __init__(
        self, registry: Registry, log: EventLog, artefacts: ArtefactStore,
        versions: SolutionVersions, trainer: Trainer,
    ) -> None:  # fmt: skip
        self.registry, self.log, self.artefacts = registry, log, artefacts
        self._versions, self._trainer = versions, trainer
        log.append([event("1", user="ann"), event("2", user="bob", session="s2", item="2-Pug-1-1")])
        self.rows = ErasedRows(registry, artefacts, lambda: T0)

    def train(self, name: str, at: int = T0) -> SolutionVersion:
        self._versions.create("recommender", as_of=at, now=at, name=name)
        return self._trainer.train(name)

    def purge(self, tables_at: int = T0 + 1, through: int = 2) -> Sequence[Trouble]:
        erasure = Erasure("e", "pawsonalize", tables_at, through, tables_at=tables_at)
        named = NamedErasure(erasure, ErasedNames(("ann",), ("s1",)))
        return list(self.rows.purge([named], ignore_progress))

    def version(self, name: str) -> SolutionVersion:
        return self.registry.get(SolutionVersion, name)

    def holds(self, name: str) -> bool:
        artefact = self.version(name).artefact
        assert artefact is not None
        kept = self.artefacts.array(artefact, VISITORS)
        assert kept is not None
        return KeptRows.hold(kept, {ANN})


@pytest.fixture
def world(
    registry: Registry, log: EventLog, artefacts: ArtefactStore,
    versions: SolutionVersions, trainer: Trainer,
) -> World:  # fmt: skip
    return World(registry, log, artefacts, versions, trainer)


def test_every_version_forgets_the_visitor_and_its_model_stays_as_it_is(world: World) -> None:
    for name in ("old", "new"):
        world.train(name)
    before = {name: world.artefacts.load(name) for name in ("old", "new")}
    models = {name: kept(before[name]) for name in before}
    assert world.purge() == []
    for name in ("old", "new"):
        artefact = world.version(name).artefact
        assert artefact is not None
        assert not world.holds(name)
        after = kept(world.artefacts.load(artefact))
        assert after.keys() == models[name].keys()
        assert all((after[array] == models[name][array]).all() for array in after)
    assert len(world.artefacts.locations("")) == 2, "the folders of before are gone"


def kept(loaded: tuple[ModelCard, Arrays]) -> dict[str, np.ndarray]:
    """The arrays of the model itself, in memory."""
    arrays = loaded[1]
    return {name: np.array(arrays[name]) for name in arrays if not name.startswith("rows.")}


def test_a_second_purge_writes_nothing(world: World) -> None:
    world.train("v")
    world.purge()
    once = world.version("v")
    assert world.purge() == []
    assert world.version("v") == once


def test_a_version_without_the_visitor_is_left_alone(world: World) -> None:
    world.log.erase()
    world.log.append([event("3", user="bob", session="s2")])
    world.train("v")
    world.purge()
    assert world.version("v").artefact == "v"


def test_a_version_trained_after_the_tables_were_done_keeps_a_visitor_who_returned(
    world: World,
) -> None:
    world.log.append([event("3", user="ann", session="s9")])
    world.train("v", T0 + DAY)
    world.purge(tables_at=T0 + 1, through=2)
    assert world.holds("v")


def test_a_training_that_may_have_read_the_visitor_is_waited_for(world: World) -> None:
    version = world.train("v")
    training = msgspec.structs.replace(version, status=Status.CREATE_IN_PROGRESS)
    training = world.registry.update(training, T0)
    (trouble,) = world.purge()
    assert (trouble.place, trouble.waits) == ("v", True)
    world.registry.update(msgspec.structs.replace(training, status=Status.ACTIVE), T0)
    assert world.purge() == []
    assert not world.holds("v")


def test_a_damaged_artefact_is_named_and_the_others_are_seen_to(
    world: World, tmp_path: Path
) -> None:
    world.train("bad")
    world.train("good")
    (tmp_path / "models" / "bad" / f"{VISITORS}.npy").write_bytes(b"?")
    (trouble,) = world.purge()
    assert (trouble.place, trouble.waits) == ("bad", False)
    assert "delete it" in trouble.reason
    assert not world.holds("good")


def test_what_a_process_left_that_died_halfway_is_removed(world: World) -> None:
    version = world.train("v")
    card, arrays = world.artefacts.load("v")
    world.artefacts.save("v.erased-0", card, arrays)  # no version points at it
    world.artefacts.save("deleted", card, arrays)
    assert version.artefact == "v"
    world.purge()
    assert world.artefacts.locations("") == [world.version("v").artefact]


def test_counts_from_before_are_removed_and_the_next_update_counts_anew(
    world: World, registry: Registry, log: EventLog, catalogue: Catalogue, artefacts: ArtefactStore
) -> None:
    world.train("v")
    log.append([event("3", user="ann"), event("4", user="bob", session="s2")])
    refresher = CountRefresher(registry, log, catalogue, artefacts)
    assert refresher.refresh("v", T0) is not None
    world.purge(through=3)
    assert RefreshedArtefacts(artefacts).of("v") == []
    counted = refresher.refresh("v", T0 + 9)
    assert counted is not None
    world.purge(through=3)
    assert RefreshedArtefacts(artefacts).of("v") == [counted], "these are of after"


def test_whoever_loads_a_model_while_it_is_put_elsewhere_gets_it(
    world: World, registry: Registry, artefacts: ArtefactStore
) -> None:
    outdated = [world.train("v")]
    world.purge()

    class Behind(Registry, frozen=True):
        """Gives at first what was there before."""

        def find(self, kind: type, name: str):  # type: ignore[no-untyped-def]
            if kind is SolutionVersion and outdated:
                return outdated.pop()
            return super().find(kind, name)

    served = Loader(Behind(registry.rows), artefacts).load("v", ServingSettings(), T0)
    assert served.version.artefact == world.version("v").artefact


def test_an_erasure_waits_until_a_bucket_has_deleted_what_held_the_visitor(
    registry: Registry, log: EventLog, catalogue: Catalogue, versions: SolutionVersions,
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    fleet = Fleet(f"sqlite:///{tmp_path / 'fleet.sqlite3'}", str(tmp_path / "shared"), tmp_path)
    store = fleet.machine("a")
    trainer = Trainer(registry, log, catalogue, store, lambda: T0)
    world = World(registry, log, store, versions, trainer)
    world.train("v")

    def unreachable(self: LocalObjects, key: str) -> None:
        raise StorageUnavailable("the object store did not answer")

    with monkeypatch.context() as patch:
        patch.setattr(LocalObjects, "delete", unreachable)
        (trouble,) = world.purge()
    assert (trouble.place, trouble.waits) == ("v", True)
    assert not world.holds("v")
    assert world.purge() == []
    assert list(fleet.objects.list("models/v")) == []
    fleet.close()


def test_an_upload_that_died_with_the_visitors_rows_is_deleted(
    registry: Registry, log: EventLog, catalogue: Catalogue, versions: SolutionVersions,
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    fleet = Fleet(f"sqlite:///{tmp_path / 'fleet.sqlite3'}", str(tmp_path / "shared"), tmp_path)
    store = fleet.machine("a")
    trainer = Trainer(registry, log, catalogue, store, lambda: T0)
    world = World(registry, log, store, versions, trainer)

    def die(index: ArtefactIndex, artefact: ListedArtefact, now: int) -> bool:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(ArtefactIndex, "commit", die)
        with pytest.raises(KeyboardInterrupt):
            world.train("v")
    training = world.version("v")
    assert len(list(fleet.objects.list("models/v"))) > 0
    (trouble,) = world.purge()
    assert (trouble.place, trouble.waits) == ("v", True), "for all that is known it is in training"
    failed = msgspec.structs.replace(training, status=Status.CREATE_FAILED)
    registry.update(failed, T0)
    assert world.purge() == []
    assert list(fleet.objects.list("models")) == []
    fleet.close()
