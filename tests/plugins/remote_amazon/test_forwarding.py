"""Events reach the remote engine, in order, once each, whatever happens on the way."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pawsonalize.core.errors import EngineUnavailable
from tests.aws.wire.server import Wire
from tests.faulty_proxy import FaultyProxy
from tests.plugins.remote_amazon.conftest import Driving, driven, events_there, settings_of, views


@pytest.fixture(scope="module")
def sending(
    tmp_path_factory: pytest.TempPathFactory, amazon: Wire, proxy: FaultyProxy
) -> Iterator[Driving]:
    """A service whose history was sent."""
    settings = settings_of(tmp_path_factory.mktemp("sending"), amazon_dataset_group="sending")
    with driven(settings, amazon, proxy) as one:
        one.remote.forwarder.forward()
        yield one


@pytest.fixture
def live(sending: Driving) -> Driving:
    """The same, with nothing wrong."""
    sending.proxy.mend()
    sending.proxy.asked.clear()
    return sending


def sent(driving: Driving, user: str) -> list[str]:
    return [one["eventId"] for one in events_there(driving, user)]


def test_events_go_ten_a_call_in_the_order_of_their_session(live: Driving) -> None:
    live.send(*views("ten", 23))
    live.remote.forwarder.forward()
    calls = [
        len(asked["eventList"])
        for name, asked in live.proxy.asked
        if name == "PutEvents" and asked["userId"] == "ten"
    ]
    assert calls == [10, 10, 3]
    assert sent(live, "ten") == [f"ten {n}" for n in range(23)]


def test_nothing_is_sent_twice(live: Driving) -> None:
    live.send(*views("twice", 3))
    live.remote.forwarder.forward()
    live.remote.forwarder.forward()
    assert sent(live, "twice") == ["twice 0", "twice 1", "twice 2"]


def test_an_outage_loses_nothing(live: Driving) -> None:
    before = live.remote.forwarder.state().through
    live.send(*views("outage", 12))
    live.proxy.fails("PutEvents")
    with pytest.raises(EngineUnavailable):
        live.remote.forwarder.forward()
    assert live.remote.forwarder.state().through == before
    live.proxy.mend()
    live.proxy.asked.clear()
    live.remote.forwarder.forward()
    assert sent(live, "outage") == [f"outage {n}" for n in range(12)]
    assert live.remote.forwarder.state().through == live.adapters.log.head()


def test_what_is_sent_again_counts_once_there(live: Driving) -> None:
    live.send(*views("again", 4))
    live.proxy.loses_answer("PutEvents")  # and botocore asks again
    live.remote.forwarder.forward()
    assert sent(live, "again") == [f"again {n}" for n in range(4)] * 2
    state = live.remote.forwarder.state()
    assert state.refused == 0


def test_one_bad_event_does_not_cost_the_others(live: Driving) -> None:
    before = live.remote.forwarder.state()
    good = views("bad", 3)
    live.send(good[0], replace(good[1], properties='{"a": '), good[2])
    live.remote.forwarder.forward()
    after = live.remote.forwarder.state()
    assert after.shortened == before.shortened + 1
    assert "bad 1" in after.last_refusal
    assert after.sent == before.sent + 3


def test_an_event_that_is_refused_is_counted_and_named(live: Driving) -> None:
    before = live.remote.forwarder.state()
    live.send(*views("refused", 1))
    live.proxy.refuses("PutEvents")
    live.remote.forwarder.forward()
    after = live.remote.forwarder.state()
    assert (after.refused, after.sent) == (before.refused + 1, before.sent)
    assert after.last_refusal.startswith("refused 0: ")


def test_an_answers_own_id_stays_here(live: Driving) -> None:
    (one,) = views("own", 1)
    live.send(replace(one, recommendation_id="RID-1", event_value=2.5))
    live.remote.forwarder.forward()
    (there,) = events_there(live, "own")
    assert "recommendationId" not in there
    assert there["eventValue"] == 2.5


def test_a_history_that_is_there_already_is_not_sent(
    tmp_path: Path, amazon: Wire, proxy: FaultyProxy
) -> None:
    settings = settings_of(tmp_path, amazon_dataset_group="sending", amazon_history="there")
    with driven(settings, amazon, proxy) as one:
        one.remote.forwarder.forward()
        assert one.proxy.count("PutEvents") == 0
        one.send(*views("newer", 2))
        one.remote.forwarder.forward()
        assert sent(one, "newer") == ["newer 0", "newer 1"]
