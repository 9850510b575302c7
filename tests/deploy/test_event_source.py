"""The function that reads the stream, in a process as Lambda runs it: nothing is lost or stuck."""

import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from pawsonalize_deploy.acceptance.event_source import EventSource, FunctionProcess, Record
from pawsonalize_functions import put_events
from pawsonalize_functions.events import read_record
from tests.aws.wire.server import Wire
from tests.deploy.conftest import Deployment
from tests.deploy.stream_batches import batch, history
from tests.deploy.templates import Template
from tests.free_ports import free_port
from tests.service_data import DOGS, view

ASSET = Path(put_events.__file__).parents[1]
_TRIES_AWAY = 8
_TRIES = 10


@pytest.fixture(autouse=True)
def _queue(deployment: Deployment) -> None:
    deployment.make_dead_letter_queue()


@pytest.fixture
def function(self_hosted: Template) -> Iterator[FunctionProcess]:
    """The function with the limits that the template gives it."""
    (limits,) = (
        one["Properties"]
        for name, one in self_hosted.of("Lambda::Function").items()
        if "putevents" in name
    )
    process = FunctionProcess(
        limits["Handler"], ASSET, megabytes=limits["MemorySize"], seconds=limits["Timeout"]
    )
    yield process
    process.end()


def test_a_service_that_is_away_for_many_tries_loses_no_event(
    wire: Wire, deployment: Deployment, self_hosted: Template, function: FunctionProcess
) -> None:
    service = os.environ["AWS_ENDPOINT_URL_PERSONALIZE_EVENTS"]
    deployment.set(AWS_MAX_ATTEMPTS="1")
    deployment.set(AWS_ENDPOINT_URL_PERSONALIZE_EVENTS=f"http://127.0.0.1:{free_port()}/aws")

    def invoke(records: Sequence[Record]) -> dict[str, Any] | None:
        if source.tries == _TRIES_AWAY:
            function.end()  # the next environment finds the service
            deployment.set(AWS_ENDPOINT_URL_PERSONALIZE_EVENTS=service)
        return function.take(records)

    source = EventSource(self_hosted.only("Lambda::EventSourceMapping"), invoke)
    source.run(batch(*(view("patient", DOGS[0], eventValue=at) for at in range(20)))["Records"])
    assert source.tries > _TRIES_AWAY
    assert [event["eventValue"] for event in history(wire, "patient")] == list(range(20))
    assert source.given_up == deployment.dead_letters() == []


# Reading it makes half a million reasons, and takes more memory than the function has.
_BOMB = b"[" + b"0," * 500_000 + b"0]"


def test_a_record_that_takes_all_memory_is_kept_and_passed_and_others_arrive_once(
    wire: Wire, deployment: Deployment, self_hosted: Template, function: FunctionProcess
) -> None:
    events: list[Any] = [view("beside a bomb", DOGS[0], eventValue=at) for at in range(49)]
    records = batch(*events[:20], _BOMB, *events[20:])["Records"]
    source = EventSource(self_hosted.only("Lambda::EventSourceMapping"), function.take)
    source.run(records)
    assert source.handed_on["21"] <= _TRIES
    assert [event["eventValue"] for event in history(wire, "beside a bomb")] == list(range(49))
    (letter,) = deployment.dead_letters()
    assert letter["record"]["kinesis"]["sequenceNumber"] == "21"
    assert "kills the function's process" in letter["reasons"][0]["message"]
    assert function.deaths == 0
    assert source.given_up == []


def _die() -> None:
    os._exit(139)


def _hang() -> None:
    time.sleep(60)


@pytest.mark.parametrize("harm", [_die, _hang])
def test_a_record_that_kills_or_stops_the_process_is_kept_whole(
    wire: Wire, deployment: Deployment, monkeypatch: pytest.MonkeyPatch, harm: Any
) -> None:
    def harmed(record: Record) -> Any:
        if record["kinesis"]["sequenceNumber"] == "2":
            harm()
        return read_record(record)

    monkeypatch.setattr("pawsonalize_functions.put_events.read_record", harmed)
    monkeypatch.setattr(put_events, "_BATCH_SECONDS", 2)
    monkeypatch.setattr(put_events, "_RECORD_SECONDS", 1)
    user = f"beside {harm.__name__}"
    sick = batch(view(user, DOGS[0]), view(user, DOGS[1]), view(user, DOGS[2]))
    assert put_events.handler(sick, None) == {"batchItemFailures": []}
    assert [one["itemId"] for one in history(wire, user)] == [DOGS[0], DOGS[2]]
    (letter,) = deployment.dead_letters()
    assert letter["record"] == sick["Records"][1]
