"""The connections of one worker process, with the limits that the settings ask for."""

import asyncio
import resource
from functools import cache
from typing import Any

from pawsonalize.http.connections import Connection, Connections
from pawsonalize.settings import load_settings

RESERVED_FILES = 512
"""Files that a worker may have open beside its connections: tables, models, logs."""


def connection(**given: Any) -> asyncio.Protocol:
    """A new connection, with what uvicorn gives it."""
    return Connection(_connections(), **given)


@cache
def _connections() -> Connections:
    """All connections of this process."""
    settings = load_settings()
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files == resource.RLIM_INFINITY:
        return Connections(settings, settings.max_connections)
    most = max(files - RESERVED_FILES, files // 2)
    return Connections(settings, min(settings.max_connections, most))
