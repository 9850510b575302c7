"""What the doctor says of servers: who lives, what nobody does, and whether connections fit."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from pawsonalize.app.adapters import Adapters, opened
from pawsonalize.app.checks import CheckedService, Diagnosis, Verdict
from pawsonalize.app.settings import Settings
from pawsonalize.core.roles import SERVE, WORK
from pawsonalize.core.work.servers import (
    NOBODY_WORKS,
    ServerProcess,
    Servers,
    ServerState,
    ServerTable,
)
from pawsonalize.plugins.fleet import checks

ONE = ServerProcess("one-1", "one", 8080, (SERVE, WORK), "0.1.0", "0021", 20, 5)
TWO = replace(ONE, name="one-2")
SERVERS = checks.CHECKS[0]
THREE = replace(ONE, name="two-1", host="two", roles=(SERVE,))


class SeenServers:
    """What a watch of some seconds sees."""

    def __init__(self, *living: ServerProcess) -> None:
        self._living = living

    def watch(self) -> list[ServerState]:
        return [ServerState(one, True) for one in self._living]


@pytest.fixture
def adapters(tmp_path: Path) -> Iterator[Adapters]:
    with opened(Settings(data_dir=tmp_path)) as adapters:
        yield adapters


def found(
    adapters: Adapters, monkeypatch: pytest.MonkeyPatch, *living: ServerProcess, limit: int = 0
) -> dict[str, Diagnosis]:
    monkeypatch.setattr(Adapters, "servers", SeenServers(*living))
    monkeypatch.setattr(type(adapters.database), "connection_limit", lambda _: limit or None)
    return {one.check: one for one in SERVERS.findings(CheckedService(adapters, 0))}


def test_a_service_that_nobody_runs_is_fine(
    adapters: Adapters, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert found(adapters, monkeypatch) == {"servers": Diagnosis("servers", "none runs")}


def test_that_nobody_works_needs_attention(
    adapters: Adapters, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert found(adapters, monkeypatch, ONE, THREE)["servers"].verdict is Verdict.FINE
    said = found(adapters, monkeypatch, THREE)["servers"]
    assert said.verdict is Verdict.ATTENTION
    assert "no living server has the role work" in said.message


def test_a_process_that_watches_all_along_is_asked_without_watching_again(
    adapters: Adapters, monkeypatch: pytest.MonkeyPatch
) -> None:
    def watch(_: Servers) -> list[ServerState]:
        raise AssertionError("that takes seconds, and a page of the console waits")

    monkeypatch.setattr(Servers, "watch", watch)
    servers = Servers(table := ServerTable(adapters.database))
    table.heartbeat(THREE)
    servers.look()
    table.heartbeat(THREE)
    servers.look()
    service = CheckedService(adapters, 0, servers)
    assert NOBODY_WORKS in {one.message for one in SERVERS.findings(service)}


def test_more_connections_than_postgresql_takes_need_attention_with_the_sum(
    adapters: Adapters, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Two workers of one server, which also trains; a third process that only answers.
    living, needed = (ONE, TWO, THREE), 3 * 20 + 7 * 8
    fits = found(adapters, monkeypatch, *living, limit=needed)["connections"]
    assert fits.verdict is Verdict.FINE
    said = found(adapters, monkeypatch, *living, limit=97)["connections"]
    assert said.verdict is Verdict.ATTENTION
    assert said.message == (
        "PostgreSQL takes 97, and the servers open at most 116"
        " (60 of 3 processes, and 7 times 8 of what may run beside them)"
    )


def test_a_training_counts_among_what_may_run_beside_the_servers(
    adapters: Adapters, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = replace(ONE, name="training", port=None, roles=("train",), connections=8)
    alone = found(adapters, monkeypatch, ONE, limit=97)["connections"]
    assert found(adapters, monkeypatch, ONE, training, limit=97)["connections"] == alone
