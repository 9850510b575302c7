"""A demo world to retrain on, its run seen from outside, and power cuts at chosen moments."""

import os
import shutil
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from msgspec.structs import replace

from pawsonalize.app.adapters import Adapters, opened
from pawsonalize.app.settings import Settings
from pawsonalize.plugins.demo.commands import store_world
from pawsonalize.plugins.demo.settings import WorldSettings
from pawsonalize.plugins.demo.world import generate
from pawsonalize.resources.campaigns import Campaign
from pawsonalize.resources.defaults import RECOMMENDER, RERANKER
from pawsonalize.resources.solutions import Solution, SolutionVersion
from pawsonalize.train.retraining.runs import RETRAINING, RunRecord, Step, read_record
from tests.e2e.conftest import PATIENCE_SECONDS
from tests.event_data import T0
from tests.forked import running
from tests.waiting import wait_until

WORLD_END = T0
SEED = 7
SMALL = WorldSettings(animals=150, adopters=800, events=16_000, days=90)
_QUICK_SECONDS = 0.001  # some moments last milliseconds
_STEPS = [
    Step.CHECK_DATA,
    Step.CREATE_VERSIONS,
    Step.AWAIT_VERSIONS,
    Step.EVALUATE,
    Step.UPDATE_CAMPAIGNS,
    Step.AWAIT_CAMPAIGNS,
    Step.NOTIFY,
]
_NEWS = Counter({"training-started": 1, "promoted": 1, "campaign-updated": 2})


def make_world(folder: Path, database_url: str = "", end: int = WORLD_END) -> None:
    """A data folder with a demo world, in which nothing is trained yet.

    Its solutions learn no ranker, so that trainings take seconds.
    """
    with opened(Settings(data_dir=folder, database_url=database_url)) as adapters:
        for name in (RECOMMENDER, RERANKER):
            solution = adapters.registry.get(Solution, name)
            adapters.registry.update(replace(solution, settings={"learn": False}), end)
        store_world(adapters, generate(SMALL, SEED, end))


def copied(world: Path, folder: Path) -> Path:
    """A world of one's own."""
    shutil.copytree(world, folder)
    return folder


@dataclass
class Seen:
    """What a data folder holds, read beside the processes that work on it."""

    folder: Path
    adapters: Adapters

    def record(self) -> RunRecord | None:
        newest = self.adapters.work.newest(RETRAINING, 1)
        return read_record(newest[0]) if newest else None

    def newest(self) -> RunRecord:
        record = self.record()
        assert record is not None
        return record

    def is_over(self) -> bool:
        """Whether the newest run has ended."""
        record = self.record()
        return record is not None and record.ended_at is not None

    def ended(self) -> RunRecord:
        """The newest run, once it has ended."""
        wait_until(self.is_over, PATIENCE_SECONDS, told=self._where)
        return self.newest()

    def _where(self) -> str:
        """How far the newest run is, and who works in the folder."""
        working = {name: processes(self.folder, name) for name in ("serve", "work", "train")}
        return f"{self.record()}, processes: {working}"

    def campaign(self, name: str) -> Campaign:
        return self.adapters.registry.get(Campaign, name)

    def versions(self) -> Counter[str]:
        """How many versions each solution has."""
        return Counter(each.solution for each in self.adapters.registry.all(SolutionVersion))

    def told(self) -> Counter[str]:
        """How often each kind of news lies in the outbox."""
        return Counter(each.notification.kind for each in self.adapters.deliveries.newest(99))

    def models(self) -> dict[str, str]:
        """The digests of the files of each solution's newest model."""
        digests = {}
        for name in (RECOMMENDER, RERANKER):
            newest = self.adapters.versions.newest(name)
            assert newest is not None
            folder = self.folder / "models" / str(newest.artefact)
            digests[name] = (folder / "SHA256SUMS").read_text()
        return digests

    def drafts(self) -> list[Path]:
        """Half-written models."""
        return list((self.folder / "models").glob(".*"))


@contextmanager
def seen(folder: Path, database_url: str = "") -> Iterator[Seen]:
    with opened(Settings(data_dir=folder, database_url=database_url)) as adapters:
        yield Seen(folder, adapters)


def cut_power(view: Seen, reached: Callable[[], bool]) -> bool:
    """Kill every process of the folder while `reached` holds; False if that moment was missed.

    While they die nothing can be written, so they get no further than they are.
    """
    wait_until(lambda: reached() or view.is_over(), PATIENCE_SECONDS, pause=_QUICK_SECONDS)
    with view.adapters.database.writing():
        holds = reached()
        kill_all(view.folder)
    return holds


def kill_all(folder: Path) -> None:
    """As a power cut would: servers, workers and trainings alike."""
    for pid in processes(folder):
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not processes(folder))


def processes(folder: Path, command: str = "") -> list[int]:
    """The processes that work on the data folder, of all commands or of one."""
    setting = f"PAWSONALIZE_DATA_DIR={folder}".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
            ours = setting in (process / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if (ours or str(folder).encode() in words) and (not command or command.encode() in words):
            found.append(int(process.name))
    for fork in running():
        ours = fork.variables.get("PAWSONALIZE_DATA_DIR") == str(folder)
        if (ours or str(folder) in fork.words) and (not command or command in fork.words):
            found.append(fork.pid)
    return found


def assert_done_once(view: Seen) -> None:
    """The newest run ended well, and nothing that it did was done twice."""
    record = view.newest()
    assert record.status == "promoted", record.reason
    assert [timing.step for timing in record.steps] == _STEPS
    assert view.versions() == {RECOMMENDER: 1, RERANKER: 1}
    for half in record.halves:
        campaign = view.campaign(half.campaign)
        assert campaign.solution_version == half.solution_version
        assert campaign.revision == 3, "created, updated, settled"
    assert view.told() == _NEWS
    assert view.drafts() == []


def _in_step(step: Step, view: Seen) -> bool:
    """The record says that the step is being done."""
    record = view.record()
    return record is not None and record.step is step and record.ended_at is None


def _created(view: Seen) -> bool:
    return _in_step(Step.CREATE_VERSIONS, view) and view.versions().total() == 2


def _training(view: Seen) -> bool:
    """Inside a training: it has said how far it is, and is not done."""
    versions = view.adapters.registry.page(SolutionVersion, 2)
    return any(each.progress is not None and not each.status.is_settled for each in versions)


def _saving(view: Seen) -> bool:
    """A training writes its model."""
    return view.drafts() != []


def _half_judged(view: Seen) -> bool:
    record = view.record()
    judged = [half.decision is not None for half in record.halves] if record else []
    return _in_step(Step.EVALUATE, view) and any(judged)


def _updated(view: Seen) -> bool:
    """A campaign is asked to serve the new version, and the record does not know it."""
    asked = view.campaign(RECOMMENDER).latest_update is not None
    return asked and _in_step(Step.UPDATE_CAMPAIGNS, view)


def _told(view: Seen) -> bool:
    return _in_step(Step.NOTIFY, view) and view.told()["promoted"] == 1


MOMENTS: Mapping[str, Callable[[Seen], bool]] = {
    **{step.value: partial(_in_step, step) for step in _STEPS},
    "after-effect-created": _created,
    "after-effect-training": _training,
    "after-effect-saving": _saving,
    "after-effect-half-judged": _half_judged,
    "after-effect-updated": _updated,
    "after-effect-told": _told,
}
"""Every step of a retraining, and what it did already while its record does not say so."""
