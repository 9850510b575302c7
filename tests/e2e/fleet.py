"""Several machines over one PostgreSQL and one bucket: each has a folder and a port of its own."""

import os
import shutil
import signal
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import boto3
import pytest

from pawsonalize.app.adapters import opened
from pawsonalize.app.settings import Settings
from pawsonalize.core.work.tables import WorkTable
from pawsonalize.resources.defaults import RECOMMENDER, RERANKER
from tests.e2e.conftest import Server, Start
from tests.e2e.retraining import Seen, kill_all, processes
from tests.plugins.streams.brokers.broker import Proxy

MACHINES = ("north", "south", "west")
_SKEW = """import time
seconds, nanoseconds = time.time, time.time_ns
time.time = lambda: seconds() + {seconds}
time.time_ns = lambda: nanoseconds() + {seconds} * 10**9
"""


@dataclass
class Bucket:
    """A bucket of an S3 that may be out of reach."""

    url: str
    proxy: Proxy

    def environment(self) -> dict[str, str]:
        """Where clients find it."""
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.proxy.port}",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "eu-west-1",
            "AWS_DEFAULT_REGION": "eu-west-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }


@contextmanager
def bucket_of(aws_url: str, patch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    """A new bucket, which the clients of this process and of its children find."""
    place = urlsplit(aws_url)
    assert place.hostname is not None
    assert place.port is not None
    with Proxy(place.hostname, place.port) as proxy:
        bucket = Bucket(f"s3://fleet-{uuid.uuid4().hex}", proxy)
        for name, value in bucket.environment().items():
            patch.setenv(name, value)
        boto3.client("s3").create_bucket(
            Bucket=bucket.url.removeprefix("s3://"),
            CreateBucketConfiguration={"LocationConstraint": "eu-west-1"},
        )
        yield bucket


class FleetSeen(Seen):
    """What the machines share, read beside them."""

    def models(self) -> dict[str, str]:
        """The digests of each solution's newest model."""
        found = {}
        for name in (RECOMMENDER, RERANKER):
            newest = self.adapters.versions.newest(name)
            assert newest is not None
            assert newest.artefact is not None
            card, arrays = self.adapters.artefacts.load(newest.artefact)
            digest = [f"{key} {array.tobytes()!r}" for key, array in sorted(arrays.items())]
            found[name] = f"{card.recipe} {hash(tuple(digest))}"
        return found

    def drafts(self) -> list[Path]:
        return [Path(location) for location in self.adapters.artefacts.unfinished()]


@dataclass
class Fleet:
    """Machines, and what they share."""

    folder: Path
    start: Start
    settings: Settings
    shared: dict[str, str]
    view: FleetSeen
    servers: dict[str, Server] = field(default_factory=dict)

    def up(self, *names: str, **settings: str) -> None:
        """Start servers on machines of these names."""
        for name in names or MACHINES:
            self.servers[name] = self.start(self.folder / name, **{**self.shared, **settings})

    def holder_of(self, lease: str) -> str | None:
        """The machine that has the lease, if any has it."""
        row = WorkTable(self.view.adapters.database).find(lease)
        if row is None or row.holder is None:
            return None
        pid = int(row.holder.rpartition("/")[2].partition("-")[0])
        return next((one for one in self.servers if pid in processes(self.folder / one)), None)

    def silences_at_claims(self, lease: str, until: Callable[[], bool]) -> list[float]:
        """For how many seconds each holder was silent before another one took the lease from it."""
        table, silences = WorkTable(self.view.adapters.database), []
        before, since = table.find(lease), time.monotonic()
        while not until():
            row, now = table.find(lease), time.monotonic()
            if row != before:
                if row is not None and before is not None and row.generation > before.generation:
                    silences.append(now - since)
                before, since = row, now
            time.sleep(0.1)
        return silences

    def lose(self, name: str) -> None:
        """As if the machine were gone: each of its processes is killed, and its folder lost."""
        kill_all(self.folder / name)
        shutil.rmtree(self.folder / name, ignore_errors=True)
        self.servers.pop(name).process.wait()


@contextmanager
def fleet_of(folder: Path, start: Start, database_url: str, bucket: Bucket) -> Iterator[Fleet]:
    """No machine runs yet."""
    shared = {
        "database_url": database_url,
        "artefact_url": bucket.url,
        "archive_url": f"{bucket.url}/archive",
    }
    settings = Settings.of(data_dir=folder / "view", **shared)
    with opened(settings) as adapters:
        yield Fleet(folder, start, settings, shared, FleetSeen(folder / "view", adapters))


def lose_holder(fleet: Fleet, lease: str, reached: Callable[[], bool]) -> str | None:
    """Lose the machine that has the lease while `reached` holds; None if that was missed.

    While its processes die nothing can be written, so they get no further than they are.
    """
    deadline = time.monotonic() + 120
    was_reached = False
    while time.monotonic() < deadline:
        if not reached():
            if was_reached:
                return None
            time.sleep(0.001)
            continue
        was_reached = True
        with fleet.view.adapters.database.writing():
            name = fleet.holder_of(lease) if reached() else None
            if name is not None:
                fleet.lose(name)
                return name
    return None


@contextmanager
def frozen_holder(fleet: Fleet, lease: str, reached: Callable[[], bool]) -> Iterator[str]:
    """While the block runs, the machine that had the lease when `reached` held stands still.

    Not in the middle of a write: PostgreSQL would wait for it.
    """
    while not reached():
        time.sleep(0.001)
    with fleet.view.adapters.database.writing():
        name = fleet.holder_of(lease)
        assert name is not None
        found = processes(fleet.folder / name)
        for pid in found:
            os.kill(pid, signal.SIGSTOP)
    try:
        yield name
    finally:
        for pid in found:
            os.kill(pid, signal.SIGCONT)


def skewed(folder: Path, seconds: int) -> dict[str, str]:
    """The environment of a process, and of those that it starts, whose clock is so far off.

    libfaketime can do it too, but makes threads that wait for the interpreter spin.
    """
    folder.mkdir()
    folder.joinpath("sitecustomize.py").write_text(_SKEW.format(seconds=seconds))
    return {"PYTHONPATH": str(folder)}
