"""What is NATS JetStream's own; see test_conformance.py for what every adapter promises."""

import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
import trustme
from nats.js import JetStreamContext
from structlog.testing import capture_logs

from pawsonalize.app.sending import Outgoing
from pawsonalize.core.database.database import Database
from pawsonalize.core.errors import InvalidInput, StreamUnavailable
from pawsonalize.core.times import iso
from pawsonalize_streams import jetstream, nats_link
from pawsonalize_streams.jetstream import JetStream
from pawsonalize_streams.nats_link import JetStreamProducer
from pawsonalize_streams.stream import Record, StreamAddress
from pawsonalize_streams.stream_shards import ShardLeases, ShardTable
from tests.free_ports import free_port
from tests.plugins.streams.brokers.broker import moment
from tests.plugins.streams.brokers.nats_broker import NatsBroker, NatsCluster
from tests.plugins.streams.brokers.storing import (
    Storing,
    Writer,
    acknowledge,
    consume,
    read,
    read_all,
    settle,
    step,
    until,
)


@pytest.fixture
def stream_of(nats: NatsCluster) -> Iterator[NatsBroker]:
    broker = NatsBroker(nats)
    yield broker
    broker.close()


def test_latest_stays_the_moment_in_which_a_shard_was_first_read(
    stream_of: NatsBroker, database: Database
) -> None:
    stream_of.put([Outgoing(f"user-{n}", b"early") for n in range(10)])
    first = stream_of.consumer("one", database, "?from=latest")
    settle(first)
    first.close()
    stream_of.put([Outgoing(f"user-{n}", b"late") for n in range(10)])
    second = stream_of.consumer("two", database, "?from=latest")
    assert read_all(second, 10) == [b"late"] * 10


def test_a_subject_that_is_added_is_read_from_its_beginning(
    stream_of: NatsBroker, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jetstream, "_INFO_SECONDS", 0.2)
    stream = stream_of.consumer("one", database, "?from=latest")
    settle(stream)
    config = stream_of.admin(lambda context: context.stream_info(stream_of.name)).config
    added = f"{stream_of.name}.more"
    wider = config.evolve(subjects=[*(config.subjects or []), added])
    stream_of.admin(lambda context: context.update_stream(wider))
    stream_of.admin(lambda context: context.publish(added, b"user 0"))
    assert read_all(stream, 1) == [b"user 0"]


def test_a_moment_is_where_to_begin(stream_of: NatsBroker, database: Database) -> None:
    stream_of.put([Outgoing("user", b"early")])
    between = moment()
    stream_of.put([Outgoing("user", b"late")])
    stream = stream_of.consumer("one", database, f"?from={iso(between)}")
    assert read_all(stream, 1) == [b"late"]


def test_what_the_stream_no_longer_has_is_logged_and_the_rest_is_read(
    stream_of: NatsBroker, database: Database
) -> None:
    stream_of.put([Outgoing("user", b"%d" % n) for n in range(10)])
    first = stream_of.consumer("one", database)
    records: list[Record] = []
    until(lambda: bool(records), lambda: records.extend(read(first, 1)))
    acknowledge(first, records)
    first.close()
    stream_of.admin(lambda context: context.purge_stream(stream_of.name, seq=6))
    with capture_logs() as logs:
        assert read_all(stream_of.consumer("two", database), 5) == [b"5", b"6", b"7", b"8", b"9"]
    (lost,) = [one for one in logs if one["event"] == "stream_may_have_lost_messages"]
    assert (lost["read"], lost["oldest"]) == (int(records[0].sequence), 6)


def test_a_stream_that_was_made_anew_is_read_from_its_start(
    stream_of: NatsBroker, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jetstream, "PATIENCE_SECONDS", 0.0)
    stream_of.put([Outgoing("user", b"%d" % n) for n in range(5)])
    stream = stream_of.consumer("one", database)
    read_all(stream, 5)
    config = stream_of.admin(lambda context: context.stream_info(stream_of.name)).config
    stream_of.admin(lambda context: context.delete_stream(stream_of.name))
    stream_of.admin(lambda context: context.add_stream(config))
    stream_of.put([Outgoing("user", b"anew")])
    with capture_logs() as logs:
        assert read_all(stream, 1) == [b"anew"]
    assert "stream_begins_anew" in [one["event"] for one in logs]


def test_a_consumer_that_somebody_deletes_on_the_server_is_made_again(
    stream_of: NatsBroker, database: Database
) -> None:
    writer, storing = Writer(), Storing()
    stream_of.put(writer.next(100))
    stream = stream_of.consumer("one", database)
    until(lambda: bool(storing.numbers), lambda: step(stream, storing, 10))
    names = [
        one.name for one in stream_of.admin(lambda context: context.consumers_info(stream_of.name))
    ]
    deleting = [
        partial(JetStreamContext.delete_consumer, stream=stream_of.name, consumer=name)
        for name in names
    ]
    for delete in deleting:
        stream_of.admin(delete)
    stream_of.put(writer.next(100))
    consume(stream, storing, writer.written)
    storing.check(writer.written)


def test_no_more_than_about_the_limit_is_fetched_ahead(
    stream_of: NatsBroker, database: Database
) -> None:
    stream_of.put([Outgoing(f"user-{n}", b"") for n in range(300)])
    stream = stream_of.consumer("one", database)
    until(lambda: bool(read(stream, 10)), lambda: None)
    read(stream, 10)
    consumers = stream_of.admin(lambda context: context.consumers_info(stream_of.name))
    assert sum(one.num_ack_pending or 0 for one in consumers) <= 60


def test_records_of_many_bytes_are_fetched_few_at_a_time(
    stream_of: NatsBroker, database: Database
) -> None:
    large = [b"%d" % n + b"x" * 900_000 for n in range(12)]
    stream_of.put([Outgoing("user", data) for data in large])
    stream = stream_of.consumer("one", database)
    until(lambda: bool(read(stream, 1)), lambda: None)
    read(stream, 1)
    consumers = stream_of.admin(lambda context: context.consumers_info(stream_of.name))
    assert sum(one.num_ack_pending or 0 for one in consumers) <= 6
    stream.close()
    assert read_all(stream_of.consumer("two", database), 12) == large


def test_servers_are_left_no_consumer_of_a_stream_that_was_closed(
    stream_of: NatsBroker, database: Database
) -> None:
    stream = stream_of.consumer("one", database)
    settle(stream)
    stream.close()
    assert stream_of.admin(lambda context: context.consumers_info(stream_of.name)) == []


def test_closing_ends_though_the_servers_hang(
    stream_of: NatsBroker, nats: NatsCluster, database: Database
) -> None:
    stream = stream_of.consumer("one", database)
    settle(stream)
    nats.freeze()
    try:
        stream.close()
    finally:
        nats.thaw()
    nats.wait_until_healthy()


def test_a_record_of_an_id_is_taken_once_and_a_key_has_one_subject(
    stream_of: NatsBroker, database: Database
) -> None:
    stream_of.put([Outgoing("user", b"1", "a"), Outgoing("user", b"2", "b")])
    stream_of.put([Outgoing("user", b"1", "a"), Outgoing("user", b"3")])
    assert read_all(stream_of.consumer("one", database), 3) == [b"1", b"2", b"3"]


def test_a_record_that_the_stream_only_says_it_has_is_put_again(
    stream_of: NatsBroker, database: Database
) -> None:
    stream_of.put([Outgoing("user", b"1", "a"), Outgoing("user", b"2", "b")])
    stream = stream_of.consumer("one", database)
    assert read_all(stream, 2) == [b"1", b"2"]
    stream_of.admin(lambda context: context.delete_msg(stream_of.name, 1))  # its id is kept
    stream_of.put([Outgoing("user", b"1", "a"), Outgoing("user", b"2", "b")])
    assert read_all(stream, 1) == [b"1"]
    assert stream_of.admin(lambda context: context.stream_info(stream_of.name)).state.messages == 2


def test_a_record_that_the_server_takes_not_is_refused_with_both_sizes(
    stream_of: NatsBroker,
) -> None:
    with pytest.raises(InvalidInput, match=r"1500000 bytes .* 1048576"):
        stream_of.put([Outgoing("user", b"x" * 1_500_000)])


def test_a_stream_with_one_wildcard_subject_is_one_shard(
    stream_of: NatsBroker, database: Database
) -> None:
    wild = f"{stream_of.name}_WILD"
    subjects = [f"{wild}.>"]
    stream_of.admin(lambda context: context.add_stream(name=wild, subjects=subjects))
    address = StreamAddress.parse(stream_of.url.replace(stream_of.name, wild))
    producer = JetStreamProducer(address)
    producer.put([Outgoing(f"user-{n}", b"%d" % n) for n in range(5)])
    producer.close()
    stream = JetStream(address, ShardLeases(ShardTable(database, wild), "one", moment), moment)
    assert sorted(read_all(stream, 5)) == [b"0", b"1", b"2", b"3", b"4"]
    assert [one.shard for one in stream.lag()] == subjects
    stream.close()


def test_a_stream_that_forgets_what_was_read_is_refused(
    stream_of: NatsBroker, database: Database
) -> None:
    queue = f"{stream_of.name}_QUEUE"
    stream_of.admin(
        lambda context: context.add_stream(name=queue, subjects=[queue], retention="workqueue")
    )
    address = StreamAddress.parse(stream_of.url.replace(stream_of.name, queue))
    stream = JetStream(address, ShardLeases(ShardTable(database, queue), "one", moment), moment)
    with pytest.raises(InvalidInput, match="its retention must be limits"):
        stream.read(1, 0.1)
    stream.close()


@contextmanager
def _server(folder: Path, settings: str) -> Iterator[str]:
    """The host and port of a server of a test's own."""
    if shutil.which("nats-server") is None:
        pytest.skip("no nats-server here")
    port = free_port()
    conf = folder / "nats.conf"
    conf.write_text(
        f'listen: 127.0.0.1:{port}\njetstream {{ store_dir: "{folder}" }}\n{settings}\n'
    )
    with subprocess.Popen(("nats-server", "-c", str(conf), "-l", str(folder / "log"))) as server:
        try:
            until(lambda: _listens(port), lambda: None)
            yield f"127.0.0.1:{port}"
        finally:
            server.kill()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The host of a server that wants a login; `reader` may do next to nothing."""
    settings = (
        "authorization { users: [ {user: root, password: pass-word},"
        ' {user: reader, password: pass-word, permissions: {publish: ["nothing"]}},'
        " {user: enough, password: pass-word, permissions: {"
        ' publish: ["$JS.API.>", "$JS.ACK.>", "ENOUGH.*"], subscribe: ["_INBOX.>"]}} ] }'
    )
    with _server(tmp_path_factory.mktemp("guarded"), settings) as host:
        address = StreamAddress.parse(f"nats://root:pass-word@{host}/THERE")
        producer = JetStreamProducer(address, create=True)
        producer.put([])
        producer.close()
        yield host


def test_the_rights_that_the_page_names_are_enough(guarded: str, database: Database) -> None:
    address = StreamAddress.parse(f"nats://enough:pass-word@{guarded}/ENOUGH")
    producer = JetStreamProducer(address, create=True)
    producer.put([Outgoing("user", b"0")])
    producer.close()
    stream = JetStream(address, ShardLeases(ShardTable(database, "s"), "one", moment), moment)
    assert read_all(stream, 1) == [b"0"]
    stream.close()


def test_a_server_that_wants_tls_gets_it(
    tmp_path: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    issued = authority.issue_cert("127.0.0.1")
    issued.private_key_and_cert_chain_pem.write_to_path(tmp_path / "server.pem")
    pem = tmp_path / "server.pem"
    with _server(tmp_path, f'tls {{ cert_file: "{pem}", key_file: "{pem}" }}') as host:
        address = StreamAddress.parse(f"nats://{host}/THERE")
        producer = JetStreamProducer(address, create=True)
        with monkeypatch.context() as soon:
            soon.setattr(nats_link, "_PUT_SECONDS", 0.0)
            with pytest.raises(StreamUnavailable, match="certificate verify failed"):
                producer.put([])
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        producer.put([Outgoing("user", b"safe")])
        producer.close()
        leases = ShardLeases(ShardTable(database, "THERE"), "one", moment)
        stream = JetStream(address, leases, moment)
        assert read_all(stream, 1) == [b"safe"]
        stream.close()


@pytest.mark.parametrize(
    ("login", "stream", "message"),
    [
        ("", "THERE", "lets nobody in with this login"),
        ("root:wrong-word@", "THERE", "lets nobody in with this login"),
        ("token@", "THERE", "lets nobody in with this login"),
        ("reader:pass-word@", "THERE", "may not do all that reading and writing takes"),
        ("root:pass-word@", "NOT_THERE", "there is no stream"),
    ],
)
def test_what_is_wrong_with_an_address_is_said_without_its_login(
    guarded: str, database: Database, login: str, stream: str, message: str
) -> None:
    address = StreamAddress.parse(f"nats://{login}{guarded}/{stream}")
    leases = ShardLeases(ShardTable(database, stream), "one", moment)
    reader = JetStream(address, leases, moment)
    with pytest.raises(InvalidInput, match=message) as raised:
        # A server that breaks the connection at once may be read as away.
        until(lambda: False, lambda: read(reader))
    assert "word" not in str(raised.value).replace("PASSWORD", "")
    assert "token@" not in str(raised.value)
    reader.close()


def test_without_the_extra_the_message_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "nats.errors", None)
    with pytest.raises(InvalidInput, match=r"pip install 'pawsonalize\[nats\]'"):
        JetStreamProducer(StreamAddress.parse("nats://127.0.0.1:4222/EVENTS"))
