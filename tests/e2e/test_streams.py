"""Events from real brokers to the tables and answers, past deaths of everything."""

import json
import random
import signal
import subprocess
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest

from pawsonalize.app.sending import Outgoing
from pawsonalize.core.database.database import Database
from pawsonalize.core.errors import StreamUnavailable
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.plugins.dead_letters.letters import DeadLetters
from pawsonalize_streams.reading import open_producer
from tests.e2e.conftest import Start, environment, run
from tests.forked import COMMAND, Forked
from tests.plugins.streams.brokers.kafka_broker import KafkaBroker, kafka_cluster
from tests.plugins.streams.brokers.kinesis_broker import KinesisBroker
from tests.plugins.streams.brokers.kinesis_server import LOGIN
from tests.plugins.streams.brokers.nats_broker import NatsCluster, nats_cluster
from tests.waiting import wait_until

USERS = 12


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsCluster]:
    with nats_cluster(tmp_path_factory.mktemp("nats")) as cluster:
        yield cluster


@pytest.fixture
def url(cluster: NatsCluster) -> str:
    return f"nats://{cluster.hosts}/EVENTS_{token_hex(4)}?partitions=4&replicas=3"


@pytest.fixture(params=["nats", "kinesis", "kafka"])
def any_url(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A fresh stream of each broker that there is here."""
    if request.param == "nats":
        yield request.getfixturevalue("url")
    elif request.param == "kafka":
        with kafka_cluster() as brokers:
            yield KafkaBroker(brokers).url
    else:
        for name, value in LOGIN.items():
            monkeypatch.setenv(name, value)
        with closing(KinesisBroker()) as broker:
            yield broker.url


def view(number: int, user: str, breed: str = "Manx") -> dict[str, Any]:
    """Without an id: it gets one from its place in the stream."""
    return {
        "userId": user,
        "sessionId": f"session of {user}",
        "eventType": "view",
        "animalMetadata": {
            "animal_species_id": "1",
            "animal_primary_breed_id": breed,
            "animal_size_id": "1",
            "animal_age_id": "1",
        },
        "properties": {"number": number},
    }


class Site:
    """Puts numbered events, one in 100 of them poison, until it is told to stop."""

    def __init__(self, url: str) -> None:
        self.producer = open_producer(url, create=True)
        self.acknowledged: list[int] = []
        self.poison: list[int] = []
        self._number = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def put(self, count: int) -> None:
        """Put so many more, each again until it is acknowledged."""
        numbers = range(self._number, self._number + count)
        records = [self._record(number) for number in numbers]
        while not self._stop.is_set():
            try:
                self.producer.put(records)
            except StreamUnavailable:
                time.sleep(0.2)
                continue
            self._number += count
            for number in numbers:
                (self.poison if number % 100 == 99 else self.acknowledged).append(number)
            return

    def _record(self, number: int) -> Outgoing:
        user = f"user-{number % USERS}"
        data = json.dumps(view(number, user)).encode()
        if number % 100 == 99:
            data = b"poison %d" % number
        # NATS takes a message once, also if the answer was lost and it is put again.
        return Outgoing(user, data, f"message-{number}")

    def _run(self) -> None:
        while not self._stop.wait(0.05):  # the mock of Kafka forgets what is more than 5 MB
            self.put(20)

    @contextmanager
    def busy(self) -> Iterator[None]:
        self._thread.start()
        try:
            yield
        finally:
            self._stop.set()
            self._thread.join()

    def close(self) -> None:
        self.producer.close()


class Consumers:
    """Processes that read one stream into one data folder."""

    def __init__(self, url: str, folder: Path, count: int) -> None:
        self._command = [COMMAND, "consume", "--stream", url, "--data-dir", str(folder)]
        self._log = folder.parent / "consumers.log"
        self.running = [self.start() for _ in range(count)]

    def start(self) -> Forked:
        with self._log.open("ab") as log:
            return Forked(self._command, env=environment(), stdout=log, stderr=subprocess.STDOUT)

    def wait_until_they_read(self) -> None:
        wait_until(
            lambda: self._log.read_text().count("reading ") >= len(self.running),
            told=self._log.read_text,
        )

    def kill_one(self) -> None:
        victim = self.running.pop(random.randrange(len(self.running)))
        victim.kill()
        victim.wait()
        self.running.append(self.start())

    def stop(self) -> list[float]:
        """Stop all; the seconds that each took."""
        began = time.monotonic()
        for one in self.running:
            one.terminate()
        seconds = []
        for one in self.running:
            # One that has only just been started ends before it could hear.
            assert one.wait(30) in (0, -signal.SIGTERM), self._log.read_text()
            seconds.append(time.monotonic() - began)
        self.running = []
        return seconds

    def kill(self) -> None:
        for one in self.running:
            one.kill()
            one.wait()


def consume_the_rest(url: str, folder: Path) -> None:
    done = run("consume", "--stream", url, "--until-caught-up", "--data-dir", str(folder))
    assert done.returncode == 0, done.stderr


def assert_stored_once_and_in_order(folder: Path, site: Site) -> None:
    database = Database(f"sqlite:///{folder / 'pawsonalize.sqlite3'}", must_exist=True)
    rows = EventLog(database).read(0, 2**62, 2**31)
    numbers = [json.loads(row.event.properties or "{}")["number"] for row in rows]
    by_user = defaultdict(list)
    for row, number in zip(rows, numbers, strict=True):
        by_user[row.event.user_id].append(number)
    letters = Counter(one.raw for one in DeadLetters(database).each())
    database.close()
    assert [number for number, count in Counter(numbers).items() if count > 1] == []
    assert set(site.acknowledged) - set(numbers) == set()
    assert all(own == sorted(own) for own in by_user.values())
    assert letters == Counter(b"poison %d" % number for number in site.poison)


def fates(cluster: NatsCluster, consumers: Consumers) -> list[Callable[[], None]]:
    def kill_a_node() -> None:
        node = random.randrange(3)
        cluster.stop(node)
        time.sleep(random.uniform(0, 1))
        cluster.start(node)
        cluster.wait_until_healthy()

    def kill_all_nodes() -> None:
        cluster.stop()
        cluster.start()
        cluster.wait_until_healthy()

    return [consumers.kill_one, consumers.kill_one, kill_a_node, kill_all_nodes]


@pytest.mark.parametrize("trials", [4, pytest.param(200, marks=pytest.mark.nightly)])
def test_kills_of_consumers_and_of_brokers_lose_double_and_reorder_nothing(
    trials: int, cluster: NatsCluster, url: str, tmp_path: Path
) -> None:
    folder, site = tmp_path / "data", Site(url)
    site.put(100)
    consume_the_rest(url, folder)  # makes the data folder, once
    consumers = Consumers(url, folder, count=3)
    try:
        choices = fates(cluster, consumers)
        with site.busy():
            for trial in range(trials):
                time.sleep(random.uniform(0.2, 1.0))
                choices[trial % len(choices)]()
        assert max(consumers.stop()) < 10
        consume_the_rest(url, folder)
        assert_stored_once_and_in_order(folder, site)
    finally:
        consumers.kill()
        site.close()


@pytest.mark.parametrize("trials", [2, pytest.param(30, marks=pytest.mark.nightly)])
def test_kills_of_consumers_lose_double_and_reorder_nothing_of_any_broker(
    trials: int, any_url: str, tmp_path: Path
) -> None:
    folder, site = tmp_path / "data", Site(any_url)
    site.put(100)
    consume_the_rest(any_url, folder)
    consumers = Consumers(any_url, folder, count=2)
    try:
        with site.busy():
            for _ in range(trials):
                time.sleep(random.uniform(0.2, 2.0))
                consumers.kill_one()
        assert max(consumers.stop()) < 10
        consume_the_rest(any_url, folder)
        assert_stored_once_and_in_order(folder, site)
    finally:
        consumers.kill()
        site.close()


def test_consumers_that_are_told_to_stop_leave_at_once_and_read_nothing_twice(
    url: str, tmp_path: Path
) -> None:
    folder, site = tmp_path / "data", Site(url)
    site.put(100)
    consume_the_rest(url, folder)
    first = Consumers(url, folder, count=1)
    try:
        first.wait_until_they_read()
        with site.busy():
            time.sleep(2)
            assert max(first.stop()) < 10
        again = run("consume", "--stream", url, "--until-caught-up", "--data-dir", str(folder))
        assert ", 0 were stored before, " in again.stdout
        assert_stored_once_and_in_order(folder, site)
    finally:
        first.kill()
        site.close()


@pytest.mark.parametrize("count", [2_000, pytest.param(1_000_000, marks=pytest.mark.nightly)])
def test_a_long_stream_with_poison_is_taken_whole(count: int, url: str, tmp_path: Path) -> None:
    site = Site(url)
    try:
        while len(site.acknowledged) + len(site.poison) < count:
            site.put(min(1_000, count))
        consume_the_rest(url, tmp_path / "data")
        assert_stored_once_and_in_order(tmp_path / "data", site)
    finally:
        site.close()


def test_a_server_that_names_a_stream_reads_it(start: Start, url: str, tmp_path: Path) -> None:
    folder, items = tmp_path / "data", tmp_path / "events.jsonl"
    enveloped = {"Partitionkey": "ann", "Data": view(2, "ann")}
    lines = [json.dumps(view(1, "ann")), "noise", json.dumps(enveloped)]
    items.write_text("\n".join(lines))
    sent = run("events", "send", str(items), "--to", url, "--create")
    assert (sent.returncode, sent.stdout) == (0, "3 events sent, 0 of them refused\n")
    server, looked = start(folder, stream_url=url), "\npawsonalize_stream_looked_seconds{"
    with server.client() as client:
        ends, taken = time.monotonic() + 120, "pawsonalize_stream_records_total 3.0"
        while taken not in (metrics := client.get("/metrics").text) or metrics.count(looked) < 4:
            assert time.monotonic() < ends, server.output.read_text()
            time.sleep(0.05)
        assert len(client.get("/v1/users/ann/history").json()["events"]) == 2
        (stream,) = client.get("/v1/streams").json()["streams"]
        assert stream["stream"] == url.partition("?")[0]
        assert len(stream["shards"]) == 4
        assert 'pawsonalize_dead_letters_total{source="nats"} 1.0' in metrics
        (letter,) = client.get("/v1/dead-letters").json()["letters"]
        assert letter["raw"] == "noise"
    began = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - began < 10


def test_a_consumer_tells_when_much_of_a_stream_cannot_be_taken(url: str, tmp_path: Path) -> None:
    folder, items = tmp_path / "data", tmp_path / "events.jsonl"
    items.write_text("\n".join([json.dumps(view(1, "ann")), *["noise"] * 25]))
    assert run("events", "send", str(items), "--to", url, "--create").returncode == 0
    consume_the_rest(url, folder)
    assert "problem: take events" in run("doctor", "--data-dir", str(folder)).stdout


def test_a_file_is_sent_to_a_service_that_says_what_it_refused(
    start: Start, tmp_path: Path
) -> None:
    server = start(tmp_path / "data")
    file = tmp_path / "events.jsonl"
    misspelt = view(2, "bob") | {"eventType": "adoptoin"}
    file.write_text("\n".join([json.dumps(view(1, "ann")), "noise", json.dumps(misspelt)]))
    sent = run("events", "send", str(file), "--to", server.url, "--repeat", "2")
    assert sent.returncode == 1
    assert sent.stdout.splitlines()[0] == "6 events sent, 2 of them refused"
    assert "this is not JSON" in sent.stdout
    assert sent.stderr.count("did you mean adoption?") == 1
    with server.client() as client:
        assert len(client.get("/v1/users/ann/history").json()["events"]) == 2


def test_a_stream_that_is_not_there_is_one_line_that_says_so(tmp_path: Path) -> None:
    for url, said in (
        ("nat://host/S", "nat://host/S is no stream: write one of"),
        ("nats://host:4222", "does not name its stream"),
        ("nats://host:4222/S?form=latest", "there is no option form of nats://"),
    ):
        done = run("consume", "--stream", url, "--data-dir", str(tmp_path / "data"))
        assert (done.returncode, done.stderr.count("Traceback")) == (2, 0)
        assert said in done.stderr
    served = run("serve", "--data-dir", str(tmp_path / "data"), stream_url="nat://host/S")
    assert (served.returncode, served.stderr.count("Traceback")) == (2, 0)
    none = run("consume", "--data-dir", str(tmp_path / "data"))
    assert none.returncode == 2
    assert "no stream is named" in none.stderr
