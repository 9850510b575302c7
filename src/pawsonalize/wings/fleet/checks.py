"""The doctor's look at the servers: who lives, what nobody does, and whether connections fit."""

from collections.abc import Iterator, Sequence

from pawsonalize import __version__
from pawsonalize.app.diagnosis import Diagnosis, Patient, attention
from pawsonalize.domain.errors import StorageUnavailable
from pawsonalize.domain.roles import WORK
from pawsonalize.fleet_settings import BESIDE_CONNECTIONS
from pawsonalize.settings import Settings
from pawsonalize.wings.fleet.fleet import servers_of
from pawsonalize.wings.fleet.server_table import ServerProcess
from pawsonalize.wings.fleet.servers import NOBODY_WORKS

_BESIDE = 4
"""Beside its trainings, a server that works may retrain (two trainings at once), refresh and judge:
each is a process of its own. So are reports, which open one connection each: together one more."""


def servers(patient: Patient) -> Iterator[Diagnosis]:
    """Who lives, with which program, and whether anybody works."""
    watched = patient.servers
    states = servers_of(patient.adapters).watch() if watched is None else watched.states()
    living = [one.server for one in states if one.lives and not one.server.is_beside]
    if living:
        told = ", ".join(sorted({_told(one) for one in living}))
        yield Diagnosis("servers", f"{len(living)} processes live: {told}")
        versions = sorted({one.version for one in living})
        if versions != [__version__]:
            yield Diagnosis("servers", f"programs of {', '.join(versions)}; this is {__version__}")
        if not any(WORK in one.server.roles for one in states if one.lives is not False):
            yield attention("servers", NOBODY_WORKS)
    else:
        yield Diagnosis("servers", "none runs")
    yield from _connections(patient, living)


def read_replica(patient: Patient) -> Iterator[Diagnosis]:
    """Whether the read replica answers and follows."""
    replica = patient.adapters.database.replica
    if replica is None:
        return
    try:
        replica.look()
    except StorageUnavailable as error:
        yield attention("read replica", error.message)
    else:
        yield Diagnosis("read replica", replica.shown_url)


def _told(server: ServerProcess) -> str:
    return f"{server.place} ({', '.join(server.roles)}; {server.version})"


def _connections(patient: Patient, living: Sequence[ServerProcess]) -> Iterator[Diagnosis]:
    """Whether PostgreSQL takes as many connections as the servers may open."""
    taken = patient.adapters.database.connection_limit()
    if taken is None:
        return
    needed, sum_of = _needed(patient.settings, living)
    told = f"PostgreSQL takes {taken}, and the servers open at most {needed} ({sum_of})"
    if needed <= taken:
        yield Diagnosis("connections", told)
        return
    move = (
        "lower database_connections or workers, or raise max_connections of PostgreSQL"
        " (docs/how-to/run-several-servers.md)"
    )
    yield attention("connections", told, move)


def _needed(settings: Settings, living: Sequence[ServerProcess]) -> tuple[int, str]:
    """How many connections there may be at most, and how that adds up."""
    working = {one.place for one in living if WORK in one.roles}
    processes = len(living)
    answering = sum(one.connections for one in living)
    if not living:
        processes, answering = settings.workers, settings.workers * settings.database_connections
        working = {"here"} if settings.has_role(WORK) else set()
    beside = len(working) * (settings.trainings_at_once + 2 + _BESIDE)
    sum_of = (
        f"{answering} of {processes} processes, and {beside} times {BESIDE_CONNECTIONS} of what may"
        " run beside them"
    )
    return answering + beside * BESIDE_CONNECTIONS, sum_of
