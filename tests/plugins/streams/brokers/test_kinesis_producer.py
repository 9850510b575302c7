"""Records are put into Amazon Kinesis, in order for each key."""

import base64
import itertools
import json
from collections.abc import Iterator

import pytest

from pawsonalize.app.sending import Outgoing
from pawsonalize.core.database.database import Database
from pawsonalize.core.errors import InvalidInput, StreamUnavailable
from pawsonalize_streams import kinesis_client
from tests.plugins.streams.brokers.kinesis_broker import KinesisBroker
from tests.plugins.streams.brokers.kinesis_reading import (
    FIRST,
    by_key,
    data_of,
    first_times,
    numbered,
    take,
)
from tests.plugins.streams.brokers.kinesis_server import Answer


@pytest.fixture
def broker() -> Iterator[KinesisBroker]:
    broker = KinesisBroker()
    yield broker
    broker.close()


def test_a_put_is_made_in_calls_within_amazons_limits_each_with_a_key_once(
    broker: KinesisBroker, database: Database
) -> None:
    many = [Outgoing(f"user-{n % 600}", b"x") for n in range(1300)]
    large = [Outgoing(f"user-{n}", b"y" * 1_000_000) for n in range(7)]
    done = {"SequenceNumber": "1", "ShardId": FIRST}
    broker.proxy.fault = lambda _name, body: Answer(200, {"Records": [done] * len(body["Records"])})
    broker.producer().put([*many, *large])
    calls = [body["Records"] for name, body in broker.proxy.calls if name == "PutRecords"]
    keys = [[one["PartitionKey"] for one in records] for records in calls]
    assert sum(map(len, keys)) == 1307
    assert max(map(len, keys)) <= 500
    assert all(len(set(one)) == len(one) for one in keys)
    assert max(len(json.dumps(records)) for records in calls) < 5 * 1024 * 1024 * 1.4  # in base64


def test_records_that_a_call_leaves_out_are_put_again_in_each_keys_order(
    broker: KinesisBroker, database: Database
) -> None:
    calls = itertools.count()

    def some_fail(name: str, body: dict[str, list[dict[str, str]]]) -> Answer | None:
        if name != "PutRecords" or next(calls) > 12:
            return None
        fails = [n % 3 == 0 for n in range(len(body["Records"]))]
        taken = [one for one, fail in zip(body["Records"], fails, strict=True) if not fail]
        for one in taken:
            data = base64.b64decode(one["Data"])
            words = {"PartitionKey": one["PartitionKey"], "Data": data}
            broker.admin.put_record(StreamName=broker.name, **words)
        failed = {"ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": "slow"}
        good = {"SequenceNumber": "1", "ShardId": FIRST}
        return Answer(
            200, {"FailedRecordCount": 1, "Records": [failed if f else good for f in fails]}
        )

    broker.proxy.fault = some_fail
    broker.producer().put(numbered(60))
    records = take(broker.consumer("a", database), 60)
    assert by_key(data_of(records)) == by_key([one.data for one in numbered(60)])


@pytest.mark.parametrize(
    "answer", [Answer.error("ProvisionedThroughputExceededException"), Answer()], ids=str
)
def test_a_put_that_fails_as_a_whole_is_made_again(
    broker: KinesisBroker, database: Database, answer: Answer
) -> None:
    broker.proxy.fault = first_times(answer, "PutRecords", 3)
    broker.producer().put(numbered(5))
    assert len(take(broker.consumer("a", database), 5)) == 5


def test_records_whose_answer_is_lost_come_twice_and_in_order(
    broker: KinesisBroker, database: Database
) -> None:
    broker.proxy.fault = first_times(Answer(is_lost=True), "PutRecords", 1)
    broker.producer().put([Outgoing("rex", b"one"), Outgoing("rex", b"two")])
    assert data_of(take(broker.consumer("a", database), 3)) == [b"one", b"one", b"two"]


def test_a_put_that_nobody_takes_is_given_up_with_how_much_was_taken(
    broker: KinesisBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kinesis_client, "_GIVE_UP_SECONDS", 0.5)
    producer = broker.producer()
    broker.proxy.fault = lambda _name, _body: Answer.error("LimitExceededException")
    with pytest.raises(StreamUnavailable, match="0 of 5 records"):
        producer.put(numbered(5))


def test_a_record_that_is_too_large_is_refused_before_any_is_put(broker: KinesisBroker) -> None:
    with pytest.raises(InvalidInput, match="1048577 bytes"):
        broker.producer().put([*numbered(5), Outgoing("a", b"x" * 1_048_577)])
    assert broker.proxy.calls == []


@pytest.mark.parametrize("key", ["", "long" * 100])
def test_a_key_that_kinesis_does_not_take_is_put_by_its_hash(
    broker: KinesisBroker, database: Database, key: str
) -> None:
    broker.producer().put([Outgoing(key, b"one"), Outgoing(key, b"two")])
    assert data_of(take(broker.consumer("a", database), 2)) == [b"one", b"two"]


def test_a_stream_that_is_missing_is_made_on_demand_where_that_is_asked_for(
    broker: KinesisBroker, database: Database
) -> None:
    broker.delete_stream()
    broker.producer(create=True).put(numbered(40))
    told = broker.admin.describe_stream_summary(StreamName=broker.name)
    assert told["StreamDescriptionSummary"]["StreamModeDetails"]["StreamMode"] == "ON_DEMAND"
    assert len(take(broker.consumer("a", database), 40)) == 40


def test_a_producer_for_a_stream_that_is_missing_names_it(broker: KinesisBroker) -> None:
    broker.url = broker.url.replace(broker.name, "nowhere")
    with pytest.raises(InvalidInput, match="no stream kinesis://nowhere"):
        broker.producer().put(numbered(1))
