"""What the doctor says of streams."""

from pathlib import Path

import pytest

from pawsonalize.app.adapters import opened
from pawsonalize.app.checks import CheckedService, Verdict
from pawsonalize.app.settings import Settings
from pawsonalize.core import clock
from pawsonalize.core.times import MINUTE
from pawsonalize_streams.reading import streams
from pawsonalize_streams.stream_shards import ShardLag, ShardLeases, ShardTable
from tests.event_data import T0

URL = "nats://localhost:4222/EVENTS"


def test_the_doctor_sees_who_reads_a_stream_and_who_no_longer_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings.of(data_dir=tmp_path, stream_url=URL)
    with opened(settings) as adapters:

        def found(now: int) -> tuple[Verdict, str]:
            monkeypatch.setattr(clock, "real_now", lambda: now)
            (one,) = streams(CheckedService(adapters, T0))
            return one.verdict, one.message

        assert found(T0) == (Verdict.ATTENTION, "nobody has read it yet")
        leases = ShardLeases(ShardTable(adapters.database, URL), "one", lambda: T0)
        subjects = {"EVENTS.0": (), "EVENTS.1": ()}
        leases.look(subjects)
        assert found(T0) == (Verdict.ATTENTION, "nobody reads 2 of its 2 shards yet")
        leases.look(subjects, [ShardLag("EVENTS.0", 3.0, 7), ShardLag("EVENTS.1", 0.0, 0)])
        assert found(T0) == (Verdict.FINE, "2 shards, 7 messages and 3 s behind")
        leases.look(subjects, [ShardLag("EVENTS.0", 61.0, 7)])
        assert found(T0)[0] is Verdict.ATTENTION
        since = "nobody reads 2 of its 2 shards since 2026-"
        assert found(T0 + 2 * MINUTE)[1].startswith(since)
        leases.release()
        assert found(T0)[1].startswith(since)
