"""Two servers with data folders of their own: models come through a bucket."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest

from pawsonalize.app.adapters import Adapters, opened
from pawsonalize.core import clock
from tests.e2e.conftest import Server, Start
from tests.e2e.test_campaign_updates import VERSIONS, Askers, everywhere
from tests.event_data import T0
from tests.free_ports import free_port
from tests.service_data import make_service
from tests.training import train

BUCKET = "shelter"


class Bucket:
    """An S3 of its own process, which can be stopped: then it takes calls and never answers."""

    def __init__(self, port: int) -> None:
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        self.process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self.address = f"http://127.0.0.1:{port}"
        self.url = f"s3://{BUCKET}/pets"
        deadline = time.monotonic() + 120
        while True:
            try:
                httpx.get(self.address, trust_env=False)
                break
            except httpx.TransportError:
                assert time.monotonic() < deadline
                time.sleep(0.05)

    def freeze(self) -> None:
        """Answer nobody."""
        os.kill(self.process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Answer those who wait, and all others."""
        os.kill(self.process.pid, signal.SIGCONT)


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    bucket = Bucket(free_port())
    for name, value in {
        "AWS_ENDPOINT_URL": bucket.address,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    boto3.client("s3").create_bucket(Bucket=BUCKET)
    yield bucket
    bucket.thaw()
    bucket.process.terminate()
    bucket.process.wait()


@pytest.fixture
def shared(bucket: Bucket, tmp_path: Path) -> dict[str, Any]:
    """The settings that both machines have."""
    return {
        "database_url": f"sqlite:///{tmp_path / 'shared.sqlite3'}",
        "artefact_url": bucket.url,
    }


@pytest.fixture
def trainer(shared: dict[str, Any], tmp_path: Path) -> Iterator[Adapters]:
    """A machine that trained two versions whose answers differ in every score."""
    with opened(make_service(tmp_path / "trainer", train=False, **shared)) as adapters:
        recipes = ("popularity-count", "user-personalization")
        for name, recipe in zip(VERSIONS, recipes, strict=True):
            train(adapters, T0 + 1000, recipe=recipe, name=name)
        adapters.campaigns.update("recommender", VERSIONS[0], clock.now())
        yield adapters


def started(start: Start, folder: Path, shared: dict[str, Any]) -> tuple[Server, Askers]:
    server = start(folder, "--workers", "2", **shared)
    everywhere(server, VERSIONS[0])
    return server, Askers(server)


@pytest.mark.parametrize("seconds", [5, pytest.param(60, marks=pytest.mark.nightly)])
def test_answers_and_events_go_on_while_the_bucket_does_not_answer(
    start: Start, tmp_path: Path, shared: dict[str, Any], trainer: Adapters, bucket: Bucket,
    seconds: int,
) -> None:  # fmt: skip
    server, askers = started(start, tmp_path / "a", shared)
    stored = trainer.log.count()
    bucket.freeze()
    trainer.campaigns.update("recommender", VERSIONS[1], clock.now())
    before, until = len(askers.recommendations), time.monotonic() + seconds
    with server.client() as client:
        number = 0
        while time.monotonic() < until:
            number += 1
            event = {"sessionId": "s", "eventType": "view", "eventId": f"{number}",
                     "animalMetadata": {"animal_species_id": 2, "animal_primary_breed_id": "Pug",
                                        "animal_size_id": 2, "animal_age_id": 3}}  # fmt: skip
            assert client.post("/v1/events", json=event).status_code == 202
            time.sleep(0.1)
    assert len(askers.recommendations) > before
    assert {one["solutionVersion"] for one in askers.recommendations} == {VERSIONS[0]}
    bucket.thaw()
    everywhere(server, VERSIONS[1])
    askers.stop()
    assert askers.failures == []
    assert server.stop() == 0
    assert trainer.log.count() == stored + number
