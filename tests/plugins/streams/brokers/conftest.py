"""A broker of each kind, with a fresh stream."""

from collections.abc import Iterator

import pytest

from tests.plugins.streams.brokers.broker import Broker
from tests.plugins.streams.brokers.kafka_broker import KafkaBroker, MockKafka, kafka_cluster
from tests.plugins.streams.brokers.kinesis_broker import KinesisBroker
from tests.plugins.streams.brokers.nats_broker import NatsBroker, NatsCluster, nats_cluster


@pytest.fixture(scope="session")
def nats(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsCluster]:
    with nats_cluster(tmp_path_factory.mktemp("nats")) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def kafka() -> Iterator[MockKafka]:
    with kafka_cluster() as cluster:
        yield cluster


@pytest.fixture(params=["nats", "kafka", "kinesis"])
def broker(request: pytest.FixtureRequest) -> Iterator[Broker]:
    """A fresh stream of each broker that there is here."""
    made = _made(request)
    try:
        yield made
    finally:
        made.close()


def _made(request: pytest.FixtureRequest) -> Broker:
    if request.param == "nats":
        return NatsBroker(request.getfixturevalue("nats"))
    if request.param == "kafka":
        return KafkaBroker(request.getfixturevalue("kafka"))
    return KinesisBroker()
