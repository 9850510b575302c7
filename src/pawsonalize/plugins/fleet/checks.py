"""Checks of the servers: which live, work that none does, and connections."""

from collections.abc import Iterator, Sequence

from pawsonalize import __version__
from pawsonalize.app import checks
from pawsonalize.app.settings import BACKGROUND_CONNECTIONS, Settings
from pawsonalize.core.roles import WORK
from pawsonalize.core.work.servers import NOBODY_WORKS, ServerProcess

# Besides its trainings, a server that works may retrain (two trainings at once), refresh and judge:
# each is a process of its own. So are reports, which open one connection each: together one more.
_SIDE_PROCESSES = 4


def _servers(service: checks.CheckedService) -> Iterator[checks.Diagnosis]:
    watched = service.servers
    states = service.adapters.servers.watch() if watched is None else watched.states()
    living = [one.server for one in states if one.lives and not one.server.is_background]
    if living:
        described = {f"{one.place} ({', '.join(one.roles)}; {one.version})" for one in living}
        text = ", ".join(sorted(described))
        yield checks.fine(f"{len(living)} processes live: {text}")
        versions = sorted({one.version for one in living})
        if versions != [__version__]:
            yield checks.fine(f"programs of {', '.join(versions)}; this is {__version__}")
        if not any(WORK in one.server.roles for one in states if one.lives is not False):
            yield checks.attention(NOBODY_WORKS)
    else:
        yield checks.fine("none runs")
    yield from _connections(service, living)


def _connections(
    service: checks.CheckedService, living: Sequence[ServerProcess]
) -> Iterator[checks.Diagnosis]:
    limit = service.adapters.database.connection_limit()
    if limit is None:
        return
    needed, sum_of = _needed(service.settings, living)
    text = f"PostgreSQL takes {limit}, and the servers open at most {needed} ({sum_of})"
    if needed <= limit:
        yield checks.fine(text, about="connections")
        return
    move = (
        "lower database_connections or workers, or raise max_connections of PostgreSQL"
        " (docs/how-to/run-several-servers.md)"
    )
    yield checks.attention(text, move, about="connections")


def _needed(settings: Settings, living: Sequence[ServerProcess]) -> tuple[int, str]:
    """Return the greatest number of connections, and the sum that it is of, in words."""
    working = {one.place for one in living if WORK in one.roles}
    processes = len(living)
    answering = sum(one.connections for one in living)
    if not living:
        processes, answering = settings.workers, settings.workers * settings.database_connections
        working = {"here"} if settings.has_role(WORK) else set()
    more = len(working) * (settings.trainings_at_once + 2 + _SIDE_PROCESSES)
    sum_of = (
        f"{answering} of {processes} processes, and {more} times {BACKGROUND_CONNECTIONS} of what"
        " may run beside them"
    )
    return answering + more * BACKGROUND_CONNECTIONS, sum_of


CHECKS = (
    checks.Check("servers", _servers, (checks.CheckPlace.DOCTOR, checks.CheckPlace.OVERVIEW)),
)
