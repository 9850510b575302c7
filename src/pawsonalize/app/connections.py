"""The connections of one worker process, with the limits that the settings ask for."""

import asyncio
import resource
from functools import cache, partial
from typing import Any

from pawsonalize.http.server.connections import Connection, Connections
from pawsonalize.http.server.tls import Certificate, Handshake, certificate_of
from pawsonalize.settings import load_settings

RESERVED_FILES = 512
"""Files that a worker may have open beside its connections: tables, models, logs."""


def connection(**given: Any) -> asyncio.Protocol:
    """A new connection, with what uvicorn gives it."""
    make = partial(Connection, _connections(), **given)
    certificate = _certificate()
    return make() if certificate is None else Handshake(make, _connections(), certificate)


@cache
def _certificate() -> Certificate | None:
    settings = load_settings()
    return certificate_of(settings.tls_certificate, settings.tls_key)


@cache
def _connections() -> Connections:
    """All connections of this process."""
    settings = load_settings()
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files == resource.RLIM_INFINITY:
        return Connections(settings, settings.max_connections)
    most = max(files - RESERVED_FILES, files // 2)
    return Connections(settings, min(settings.max_connections, most))
