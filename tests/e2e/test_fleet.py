"""Three machines over one PostgreSQL and one bucket: what dies is followed, once, by another."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import datetime
from functools import partial
from pathlib import Path

import boto3
import pytest

from pawsonalize.app.adapters import Adapters
from pawsonalize.core import clock
from pawsonalize.core.work.heartbeats import GONE_SECONDS
from pawsonalize.recommend.live_model import RefreshedArtefacts
from pawsonalize.resources.datasets import DatasetImportJob
from pawsonalize.resources.defaults import RECOMMENDER
from pawsonalize.resources.job_table import lease_of
from pawsonalize.resources.jobs import BatchInferenceJob
from pawsonalize.resources.kind import Resource, ResourceT, Status
from pawsonalize.train.retraining.runs import Runs, Trigger, run_lease
from tests.e2e.conftest import Server, Start, starting
from tests.e2e.fleet import (
    MACHINES,
    Bucket,
    Fleet,
    bucket_of,
    fleet_of,
    frozen_holder,
    lose_holder,
    skewed,
)
from tests.e2e.retraining import MOMENTS, WORLD_END, assert_done_once, make_world
from tests.e2e.test_campaign_updates import VERSIONS, Askers, content, everywhere, update
from tests.e2e.writers import Writers, form
from tests.event_data import T0, event
from tests.service_data import CATS, fill
from tests.training import train, train_and_serve
from tests.waiting import wait_until

Postgres = Callable[..., AbstractContextManager[str]]
_UNSEEN = {"after-effect-saving"}  # a half-written upload
_ATTEMPTS = 6
_ANSWERED_SECONDS = 60  # on a busy machine


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, postgres: Postgres) -> Iterator[str]:
    """The name of a database with a demo world, in which nothing is trained yet."""
    with postgres() as url:
        make_world(tmp_path_factory.mktemp("world"), url)
        yield url.rpartition("/")[2]


@pytest.fixture
def bucket(aws_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    with bucket_of(aws_url, monkeypatch) as bucket:
        yield bucket


@pytest.fixture
def fleet(
    tmp_path: Path, start: Start, postgres: Postgres, postgres_template: str, bucket: Bucket
) -> Iterator[Fleet]:
    """Over a database without a row."""
    with (
        postgres(postgres_template) as url,
        fleet_of(tmp_path / "fleet", start, url, bucket) as fleet,
    ):
        yield fleet
        for server in fleet.servers.values():
            server.kill()


@pytest.mark.nightly  # as an import whose machine is lost, and test_retraining_crash.py
@pytest.mark.parametrize("name", sorted(MOMENTS.keys() - _UNSEEN))
def test_a_retraining_whose_machine_is_lost_is_finished_by_another_once(
    tmp_path: Path, postgres: Postgres, world: str, bucket: Bucket, name: str
) -> None:
    for attempt in range(_ATTEMPTS):
        with (
            starting(tmp_path) as start,
            postgres(world) as url,
            fleet_of(tmp_path / str(attempt), start, url, bucket) as fleet,
        ):
            fleet.up()
            run = Runs(fleet.view.adapters.work, {}).begin(Trigger.COMMAND, WORLD_END)
            lease = run_lease(run.run_id)
            if lose_holder(fleet, lease, partial(MOMENTS[name], fleet.view)) is not None:
                fleet.view.ended()
                assert_done_once(fleet.view)
                return
    pytest.fail(f"the moment was missed {_ATTEMPTS} times")


def ahead(server: Server) -> float:
    """By how many seconds the clock of a server is ahead of ours."""
    with server.client() as client:
        client.post("/v1/events", json=form(f"{server.port}")).raise_for_status()
        (stored,) = client.get(f"/v1/users/{server.port}/history").json()["events"]
    return datetime.fromisoformat(stored["receivedAt"]).timestamp() - time.time()


def test_clocks_that_are_minutes_apart_neither_take_nor_keep_a_retraining(
    tmp_path: Path,
    start: Start,
    postgres: Postgres,
    world: str,
    bucket: Bucket,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with postgres(world) as url, fleet_of(tmp_path / "fleet", start, url, bucket) as fleet:
        for name, seconds in zip(MACHINES, (-300, 0, 300), strict=True):
            with monkeypatch.context() as patch:
                for variable, value in skewed(tmp_path / name, seconds).items():
                    patch.setenv(variable, value)
                fleet.up(name)
            assert abs(ahead(fleet.servers[name]) - seconds) < _ANSWERED_SECONDS
        run = Runs(fleet.view.adapters.work, {}).begin(Trigger.COMMAND, WORLD_END)
        lease = run_lease(run.run_id)
        wait_until(lambda: fleet.holder_of(lease))
        kept_still = fleet.silences_at_claims(lease, until=fleet.view.is_over)
        assert_done_once(fleet.view)
        # On a busy machine a holder may be kept from beating; nobody takes it from one who beats.
        assert all(seconds > GONE_SECONDS - 1 for seconds in kept_still), kept_still


def test_an_import_whose_machine_is_lost_is_finished_by_another_once(
    fleet: Fleet, bucket: Bucket
) -> None:
    rows = 30_000
    put_events(bucket, rows)
    fleet.up()
    adapters = fleet.view.adapters
    job = begin_import(fleet, bucket)
    lost = lose_holder(fleet, lease_of(job), lambda: 0 < adapters.log.head() < rows)
    assert lost is not None, "it was over before"
    done = settled(fleet, DatasetImportJob, "events")
    assert (done.status, done.rejected) == (Status.ACTIVE, 0)
    assert done.accepted + done.duplicates == rows
    assert done.duplicates > 0
    assert stored(adapters) == rows


def test_a_machine_that_was_frozen_until_another_did_its_import_writes_nothing_more(
    fleet: Fleet, bucket: Bucket
) -> None:
    rows = 30_000
    put_events(bucket, rows)
    fleet.up()
    adapters = fleet.view.adapters
    job = begin_import(fleet, bucket)
    with frozen_holder(fleet, lease_of(job), lambda: 0 < adapters.log.head() < rows) as frozen:
        done = settled(fleet, DatasetImportJob, "events")
    assert fleet.servers[frozen].comes_up()
    wait_until(lambda: "another process goes on" in fleet.servers[frozen].output.read_text())
    assert adapters.registry.get(DatasetImportJob, "events") == done
    assert (done.status, done.accepted + done.duplicates) == (Status.ACTIVE, rows)
    assert stored(adapters) == rows


def test_a_batch_job_whose_machine_is_lost_is_finished_by_another_once(
    fleet: Fleet, bucket: Bucket
) -> None:
    adapters = fleet.view.adapters
    fill(adapters)
    version = train(adapters, T0 + 1000)
    queries = "".join(f'{{"userId": "seed {n % 20}"}}\n' for n in range(5_000))
    put(bucket, "imports/users.jsonl", queries)
    fleet.up()
    job = adapters.jobs.create(
        BatchInferenceJob(
            name="mailing",
            status=Status.CREATE_PENDING,
            solution_version=version.name,
            source=f"{bucket.url}/imports/users.jsonl",
            target=f"{bucket.url}/exports/",
        )
    )
    lease = lease_of(job)
    lost = lose_holder(fleet, lease, lambda: in_progress(adapters, BatchInferenceJob, "mailing"))
    assert lost is not None, "it was over before"
    done = settled(fleet, BatchInferenceJob, "mailing")
    assert (done.status, done.answered, done.rejected) == (Status.ACTIVE, 5_000, 0)
    written = get(bucket, "exports/users.jsonl.out")
    assert written.count("\n") == 5_000


def test_the_refresh_goes_on_when_the_machine_that_does_it_is_lost(fleet: Fleet) -> None:
    adapters = fleet.view.adapters
    fill(adapters)
    train_and_serve(adapters, T0 + 1000)
    fleet.up(refresh_seconds="0.5")
    updates = RefreshedArtefacts(adapters.artefacts)
    (version,) = adapters.refresher.served()

    def is_counted(head: int) -> bool:
        newest = updates.newest(version)
        return newest is not None and newest.cut.log_offset >= head

    for number in range(2):
        adapters.log.append([event(f"new {number}", at=T0 + 2000 + number)])
        wait_until(partial(is_counted, adapters.log.head()))
        if number == 0:
            adapters.log.append([event("while it dies", at=T0 + 3000)])
            assert lose_holder(fleet, "refresh", lambda: fleet.holder_of("refresh") is not None)


@pytest.mark.nightly  # test_campaign_updates.py has the same on one machine
def test_swaps_on_three_machines_cost_no_request_and_mix_no_answer(fleet: Fleet) -> None:
    adapters, swaps = fleet.view.adapters, 20
    train_two(adapters)
    fleet.up(workers="1")
    for server in fleet.servers.values():
        everywhere(server, VERSIONS[0])
    askers = [Askers(server) for server in fleet.servers.values()]
    for number in range(swaps):
        update(adapters, VERSIONS[(number + 1) % 2])
        for server in fleet.servers.values():
            everywhere(server, VERSIONS[(number + 1) % 2])
    for one in askers:
        one.stop()
    assert [one.failures for one in askers] == [[], [], []]
    alike: dict[str, list[tuple[str, float]]] = {}
    for one in askers:
        assert len(one.recommendations) > swaps
        for answer in one.recommendations:
            told = alike.setdefault(answer["solutionVersion"], content(answer))
            assert content(answer) == told
    assert set(alike) == set(VERSIONS)


@pytest.mark.parametrize("seconds", [3, pytest.param(60, marks=pytest.mark.nightly)])
def test_answers_and_events_go_on_while_the_bucket_is_out_of_reach(
    fleet: Fleet, bucket: Bucket, seconds: int
) -> None:
    adapters = fleet.view.adapters
    train_two(adapters)
    fleet.up("north", "south", archive_seconds="0.2", refresh_seconds="0.5")
    for server in fleet.servers.values():
        everywhere(server, VERSIONS[0])
    writers = Writers("busy", *fleet.servers.values(), threads=2, rest_seconds=0.01)
    bucket.proxy.cut()
    adapters.campaigns.update(RECOMMENDER, VERSIONS[1], clock.now())
    askers = [Askers(server) for server in fleet.servers.values()]
    time.sleep(seconds)
    answered = [list(one.recommendations) for one in askers]
    acknowledged = len(writers.acknowledged)
    bucket.proxy.mend()
    for server in fleet.servers.values():
        everywhere(server, VERSIONS[1])
    writers.stop()
    for one in askers:
        one.stop()
    for answers in answered:
        assert {answer["solutionVersion"] for answer in answers} == {VERSIONS[0]}
    assert acknowledged > 0
    assert [one.failures for one in askers] == [[], []]
    assert not writers.refused
    wait_until(lambda: not adapters.problems.standing(clock.now()))
    adapters.archiver.archive_once()
    assert adapters.ledger.planned_through() == adapters.log.head()


def train_two(adapters: Adapters) -> None:
    """Two versions whose answers differ in every score; the first is to be served."""
    fill(adapters)
    for name, recipe in zip(VERSIONS, ("popularity-count", "user-personalization"), strict=True):
        train(adapters, T0 + 1000, recipe=recipe, name=name)
    adapters.campaigns.update(RECOMMENDER, VERSIONS[0], clock.now())


def put(bucket: Bucket, key: str, content: str) -> None:
    name = bucket.url.removeprefix("s3://")
    boto3.client("s3").put_object(Bucket=name, Key=key, Body=content.encode())


def put_events(bucket: Bucket, rows: int) -> None:
    lines = "".join(f"u{n % 900},{CATS[n % len(CATS)]},{T0 // 1000 + n}\n" for n in range(rows))
    put(bucket, "imports/events.csv", f"USER_ID,ITEM_ID,TIMESTAMP\n{lines}")


def begin_import(fleet: Fleet, bucket: Bucket) -> DatasetImportJob:
    job = DatasetImportJob(
        name="events",
        status=Status.CREATE_PENDING,
        dataset="pawsonalize-interactions",
        source=f"{bucket.url}/imports/events.csv",
    )
    return fleet.view.adapters.jobs.create(job)


def stored(adapters: Adapters) -> int:
    """How many events there are."""
    return sum(map(len, adapters.log.training_rows(adapters.log.head(), 2 * T0)))


def get(bucket: Bucket, key: str) -> str:
    name = bucket.url.removeprefix("s3://")
    body = boto3.client("s3").get_object(Bucket=name, Key=key)["Body"]
    return str(body.read().decode())


def in_progress(adapters: Adapters, kind: type[Resource], name: str) -> bool:
    return adapters.registry.get(kind, name).status is Status.CREATE_IN_PROGRESS


def settled(fleet: Fleet, kind: type[ResourceT], name: str) -> ResourceT:
    """The job, once it has ended."""
    registry = fleet.view.adapters.registry
    wait_until(lambda: registry.get(kind, name).status.is_settled)
    return registry.get(kind, name)
