"""Trainings as processes: started once, watched, stopped, and found dead."""

import os
import signal
from pathlib import Path

import pytest

from pawsonalize.core.errors import Conflict, StorageUnavailable
from pawsonalize.core.work.leases import Leases, holder
from pawsonalize.resources.artefacts import ArtefactStore
from pawsonalize.resources.kind import Status, moved
from pawsonalize.resources.registry import Registry
from pawsonalize.resources.solutions import SolutionVersion
from pawsonalize.train.trainings import TrainingProcesses
from pawsonalize.train.versions import SolutionVersions
from tests.event_data import T0
from tests.train.conftest import SLEEP, Make
from tests.waiting import wait_until

END = "pass"


@pytest.fixture
def version(versions: SolutionVersions) -> SolutionVersion:
    return versions.create("recommender", as_of=T0, now=T0, name="v1")


def ended(trainings: TrainingProcesses) -> SolutionVersion:
    """The version, once its process is gone."""
    wait_until(lambda: not trainings.alive("v1"))
    return trainings.look("v1", T0 + 9)


def test_a_training_runs_beside_who_started_it(make: Make, version: SolutionVersion) -> None:
    trainings = make(SLEEP)
    started = trainings.start("v1", T0 + 1)
    assert started.status is Status.CREATE_IN_PROGRESS
    assert trainings.alive("v1")
    assert trainings.look("v1", T0 + 2) == started
    assert trainings.stop("v1", T0 + 3).status is Status.CREATE_STOPPED


def test_starting_again_what_is_in_training_changes_nothing(
    make: Make, version: SolutionVersion, tmp_path: Path
) -> None:
    trainings = make(SLEEP)
    started = trainings.start("v1", T0)
    pid = holder(tmp_path / "leases" / "training.v1.lock")
    assert make(SLEEP).start("v1", T0) == started
    assert holder(tmp_path / "leases" / "training.v1.lock") == pid
    trainings.stop("v1", T0)


def test_another_server_and_one_that_was_restarted_see_the_training_and_stop_it(
    make: Make, version: SolutionVersion
) -> None:
    first = make(SLEEP)
    first.start("v1", T0)
    second = make(SLEEP)
    assert second.alive("v1")
    assert second.look("v1", T0).status is Status.CREATE_IN_PROGRESS
    assert second.stop("v1", T0).status is Status.CREATE_STOPPED
    assert not first.alive("v1")


def test_a_process_that_ended_without_a_word_is_a_failed_training_that_may_be_tried_again(
    make: Make, version: SolutionVersion
) -> None:
    trainings = make(END)
    trainings.start("v1", T0)
    failed = ended(trainings)
    assert failed.status is Status.CREATE_FAILED
    assert failed.failure_reason is not None
    assert "start it again" in failed.failure_reason
    again = make(SLEEP)
    started = again.start("v1", T0)
    assert (started.status, started.failure_reason) == (Status.CREATE_IN_PROGRESS, None)
    again.stop("v1", T0)


def test_kill_9_is_noticed_by_a_server_that_did_not_start_it(
    make: Make, version: SolutionVersion, tmp_path: Path
) -> None:
    starter = make(SLEEP)
    starter.start("v1", T0)
    pid = holder(tmp_path / "leases" / "training.v1.lock")
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert ended(make(SLEEP)).status is Status.CREATE_FAILED
    assert not starter.alive("v1"), "the child is reaped"


def test_a_start_that_a_crash_cut_short_is_begun_again(
    make: Make, version: SolutionVersion, registry: Registry
) -> None:
    """The version says IN_PROGRESS, but nobody ever ran."""
    registry.update(moved(version, Status.CREATE_IN_PROGRESS), T0)
    trainings = make(SLEEP)
    assert trainings.start("v1", T0).status is Status.CREATE_IN_PROGRESS
    assert trainings.alive("v1")
    trainings.stop("v1", T0)


def test_what_is_ready_is_neither_trained_again_nor_stopped(
    make: Make, version: SolutionVersion, registry: Registry
) -> None:
    active = registry.update(moved(version, Status.CREATE_IN_PROGRESS), T0)
    active = registry.update(moved(active, Status.ACTIVE), T0)
    trainings = make(SLEEP)
    assert trainings.start("v1", T0) == active
    assert not trainings.alive("v1")
    assert trainings.stop("v1", T0) == active


def test_a_version_that_waits_is_stopped_without_a_process(
    make: Make, version: SolutionVersion
) -> None:
    trainings = make(SLEEP)
    assert trainings.stop("v1", T0).status is Status.CREATE_STOPPED
    with pytest.raises(Conflict, match="CREATE STOPPED"):
        trainings.stop("v1", T0)


def test_a_training_that_reports_while_it_is_stopped_does_not_keep_it_from_being_stopped(
    make: Make, version: SolutionVersion, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainings = make(SLEEP)
    trainings.start("v1", T0)
    get, reports = Registry.get, iter(range(5))

    def reporting(self: Registry, kind: type[SolutionVersion], name: str) -> SolutionVersion:
        seen = get(self, kind, name)
        if seen.status is Status.CREATE_IN_PROGRESS and next(reports, None) is not None:
            registry.update(seen, T0)
        return seen

    monkeypatch.setattr(Registry, "get", reporting)
    assert trainings.stop("v1", T0).status is Status.CREATE_STOPPED
    assert next(reports, None) is None


def test_a_command_that_is_not_there_is_told_and_written_down(
    registry: Registry,
    artefacts: ArtefactStore,
    leases: Leases,
    tmp_path: Path,
    version: SolutionVersion,
) -> None:
    command = [str(tmp_path / "nothing")]
    trainings = TrainingProcesses(registry, artefacts, leases, command, {})
    with pytest.raises(StorageUnavailable, match="cannot be started"):
        trainings.start("v1", T0)
    failed = trainings.look("v1", T0)
    assert failed.status is Status.CREATE_FAILED
    assert failed.failure_reason is not None
    assert "nothing" in failed.failure_reason
    assert not trainings.alive("v1")
