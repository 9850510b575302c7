"""Artefacts to save, and machines that share what they save."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import boto3
import numpy as np
import pytest

from pawsonalize.core.database.database import Database
from pawsonalize.core.objects.stores import open_objects
from pawsonalize.models.recipes.artefact import ModelCard
from pawsonalize.models.recipes.data import Arrays
from pawsonalize.plugins.fleet.bucket import BucketArtefacts
from pawsonalize.resources.artefacts import ArtefactCache
from pawsonalize.resources.tables import ArtefactIndex
from tests.event_data import T0

CARD = ModelCard("popularity-count", 1, {"half_life_days": 30.0}, 7, "abc", {"note": ["ü", None]})
ARRAYS: Arrays = {
    "scores": np.linspace(0, 1, 5, dtype=np.float32),
    "names.offsets": np.arange(12, dtype=np.int64).reshape(3, 4),
    "nothing": np.zeros((0, 3), np.int32),
}
BUCKET = "shelter-models"


class Fleet:
    """Machines with one database and one object store, each with a data folder of its own."""

    def __init__(self, database_url: str, url: str, folder: Path) -> None:
        self.database_url, self.url, self.folder = database_url, url, folder
        self.objects = open_objects(url)
        self.clock = 0.0
        self._databases = ExitStack()

    def machine(self, name: str, *, megabytes: float = 100) -> BucketArtefacts:
        """One process of a machine; it reaches what the environment says when this is called."""
        database = Database(self.database_url)
        self._databases.callback(database.close)
        return BucketArtefacts(
            ArtefactIndex(database),
            open_objects(self.url),
            open_objects(self.url, hurried=True),
            ArtefactCache(self.cache(name), round(megabytes * 1_000_000)),
            lambda: T0,
            lambda: self.clock,
        )

    def cache(self, name: str) -> Path:
        """The folder of what a machine has."""
        return self.folder / name / "cache"

    def close(self) -> None:
        """Close what the machines opened."""
        self._databases.close()


@contextmanager
def fleet_of(request: pytest.FixtureRequest, kind: str) -> Iterator[Fleet]:
    """A fleet on a folder that is shared or on S3, and on SQLite or PostgreSQL."""
    folder: Path = request.getfixturevalue("tmp_path")
    with ExitStack() as stack:
        database_url = f"sqlite:///{folder / 'pawsonalize.sqlite3'}"
        if kind.endswith("postgresql"):
            made: Callable[..., ExitStack] = request.getfixturevalue("postgres")
            template = request.getfixturevalue("postgres_template")
            database_url = stack.enter_context(made(template))  # type: ignore[assignment]
        url = str(folder / "shared")
        if kind.startswith("s3"):
            request.getfixturevalue("aws")
            patch: pytest.MonkeyPatch = request.getfixturevalue("monkeypatch")
            patch.setenv("AWS_REGION", "eu-west-1")
            place = {"LocationConstraint": "eu-west-1"}
            s3 = boto3.client("s3")
            if BUCKET not in {one["Name"] for one in s3.list_buckets()["Buckets"]}:
                s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=place)
            url = f"s3://{BUCKET}/{uuid.uuid4().hex}"
        fleet = Fleet(database_url, url, folder)
        stack.callback(fleet.close)
        yield fleet
