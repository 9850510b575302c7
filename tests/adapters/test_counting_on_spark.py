"""Spark Connect servers count what memory counts: a cluster of Sail, and Apache Spark.

The second needs a server at `PAWSONALIZE_TEST_SPARK_URL` that sees the files of this machine:

    pip install pyspark==4.1.* && spark-submit --master 'local[2]' \
        --class org.apache.spark.sql.connect.service.SparkConnectServer spark-internal
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pawsonalize.engine.training.training_data import training_data
from pawsonalize.kinds.solutions import TrainingSelection
from pawsonalize.recipes.catalogue import recipe_named
from pawsonalize.recipes.counts.memory import MemoryCounts
from pawsonalize.storage.catalogue import Catalogue
from pawsonalize.storage.database import Database
from pawsonalize.storage.event_log import EventLog
from pawsonalize.wings.out_of_core.spark import SparkEngine
from tests.event_data import T0
from tests.unit.engine.training.test_out_of_core import (
    LEARNING,
    all_of,
    assert_same,
    assert_same_model,
    counted,
    made,
    table_of,
)

SERVE = """
import sys
from pysail.spark import SparkConnectServer
server = SparkConnectServer("127.0.0.1", 0)
server.start(background=True)
print(server.listening_address[1], flush=True)
sys.stdin.read()
"""


@pytest.fixture
def sail() -> Iterator[str]:
    """A cluster of this machine's processes, without a JVM."""
    # It stops idle workers that others still read from, which on a busy machine is soon.
    patience = {"SAIL_CLUSTER__WORKER_MAX_IDLE_TIME_SECS": "3600"}
    environment = {**os.environ, **patience, "SAIL_MODE": "local-cluster"}
    with subprocess.Popen(
        [sys.executable, "-c", SERVE],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as server:
        assert server.stdout is not None
        yield f"sc://127.0.0.1:{server.stdout.readline().strip()}"
        server.kill()


@pytest.fixture
def apache_spark() -> str:
    if not (url := os.environ.get("PAWSONALIZE_TEST_SPARK_URL", "")):
        pytest.skip("PAWSONALIZE_TEST_SPARK_URL names no Spark Connect server")
    return url


@pytest.mark.parametrize(
    "server", ["sail", pytest.param("apache_spark", marks=pytest.mark.nightly)]
)
def test_a_cluster_counts_and_trains_as_memory_does(
    server: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    url = request.getfixturevalue(server)
    database = Database(f"sqlite:///{tmp_path}/pawsonalize.sqlite3")
    log, catalogue, folder = EventLog(database), Catalogue(database), tmp_path / "archive"
    made(log, catalogue, 1, 160)
    engine = SparkEngine(url, str(tmp_path / "scratch"))
    table = table_of(database, catalogue, folder)
    counts = counted(engine, table, folder, catalogue, log, TrainingSelection(), T0)
    data = training_data(log, catalogue, through=log.head(), as_of=T0)
    ours, theirs = all_of(counts), all_of(MemoryCounts(data))
    for name, found in ours.items():
        assert_same(found, theirs[name], name)
    recipe = recipe_named("user-personalization")
    settings = recipe.settings(**{**LEARNING, "max_events": 70})
    assert_same_model(recipe.fit(counts, settings, 3), recipe.fit(data, settings, 3))
    engine.close()
    database.close()
