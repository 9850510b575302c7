"""Who serves, works and consumes: told by counted beats and the watcher's own clock alone."""

from msgspec.structs import replace

from pawsonalize.core.database.database import Database
from pawsonalize.core.database.tables import REVISION
from pawsonalize.core.roles import CONSUME, SERVE, WORK
from pawsonalize.core.work.heartbeats import GONE_SECONDS, Heartbeats
from pawsonalize.core.work.servers import ServerProcess, Servers, ServerTable

ONE = ServerProcess("one-1", "one", 8080, (SERVE, WORK), "1.0", REVISION, 20, 5)
TWO = replace(ONE, name="two-1", host="two", port=None, roles=(CONSUME,))


class SteadyClock:
    """A clock that goes on when a test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_a_server_is_listed_with_what_it_serves_until_it_leaves(database: Database) -> None:
    table = ServerTable(database)
    one = replace(ONE, serves={"recommender": "v1"})
    for server in (one, TWO, one):
        table.heartbeat(server)
    assert table.all() == [replace(one, beats=1), TWO]
    newer = replace(ONE, serves={"recommender": "v2"})
    table.heartbeat(newer)
    table.remove(TWO.name)
    assert table.all() == [replace(newer, beats=2)]


def test_who_counts_up_lives_and_who_stands_still_is_gone(database: Database) -> None:
    table, clock = ServerTable(database), SteadyClock()
    servers = Servers(table, clock)
    table.heartbeat(ONE)
    table.heartbeat(TWO)
    servers.look()
    assert [one.lives for one in servers.states()] == [None, None]
    while clock.now < 100 + GONE_SECONDS:
        clock.sleep(2)
        table.heartbeat(ONE)
        servers.look()
    assert {one.server.name: one.lives for one in servers.states()} == {
        "one-1": True,
        "two-1": False,
    }
    table.heartbeat(TWO)
    servers.look()
    assert all(one.lives for one in servers.states()), "it was only slow"


def test_a_command_watches_until_it_is_clear_of_everybody(database: Database) -> None:
    table, clock = ServerTable(database), SteadyClock()
    table.heartbeat(ONE)
    table.heartbeat(TWO)

    def meanwhile(seconds: float) -> None:
        clock.sleep(seconds)
        table.heartbeat(ONE)

    found = Servers(table, clock).watch(meanwhile)
    assert {one.server.name: one.lives for one in found} == {"one-1": True, "two-1": False}


def test_nobody_has_a_role_only_once_those_that_begin_had_time_to_say_so(
    database: Database,
) -> None:
    table, clock = ServerTable(database), SteadyClock()
    servers = Servers(table, clock)
    table.heartbeat(TWO)
    servers.look()
    assert not servers.nobody(WORK)
    clock.sleep(GONE_SECONDS)
    assert servers.nobody(WORK)
    table.heartbeat(ONE)
    servers.look()
    assert not servers.nobody(WORK)
    while not servers.nobody(WORK):
        clock.sleep(2)
        table.heartbeat(TWO)
        servers.look()
    assert clock.now >= 100 + 2 * GONE_SECONDS


def test_who_was_killed_is_forgotten_an_hour_later(database: Database) -> None:
    table, clock = ServerTable(database), SteadyClock()
    servers = Servers(table, clock)
    table.heartbeat(ONE)
    for _ in range(1000):
        servers.look()
        clock.sleep(5)
    assert table.all() == []


def test_a_watcher_that_was_kept_from_looking_calls_nobody_gone() -> None:
    clock = SteadyClock()
    beats = Heartbeats[str](steady=clock)
    beats.look({"one": 3})
    clock.sleep(2 * GONE_SECONDS)
    beats.look({"one": 3})
    assert not beats.is_gone("one")
    while not beats.is_gone("one"):
        clock.sleep(2)
        beats.look({"one": 3})
    assert clock.now >= 100 + 3 * GONE_SECONDS
