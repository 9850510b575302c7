"""`pawsonalize serve`: the service, until it is stopped."""

import errno
import os
import resource
import shutil
import signal
import socket
import stat
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from pawsonalize import __version__
from pawsonalize.app.cli.opening import opened_or_made
from pawsonalize.app.cli.options import DataDir, Host, Port, Workers
from pawsonalize.app.cli.terminal import say
from pawsonalize.app.settings import Settings, as_environment, read_settings
from pawsonalize.core import clock
from pawsonalize.core.config import SOURCES, refuse
from pawsonalize.core.errors import Conflict
from pawsonalize.core.roles import SERVE
from pawsonalize.core.times import SECOND, iso

if TYPE_CHECKING:
    from pawsonalize.app.adapters import Adapters


_DRAIN_SECONDS = 30
# A worker that has not said a word for so long is replaced; a busy machine starts it slowly.
_START_SECONDS = 120
# Workers end within a second after their supervisor was killed; until then they hold the port.
_PORT_SECONDS = 5.0
_LOOK_SECONDS = 0.05
_METRICS = "pawsonalize-metrics-"
_SERVER_LOCK = "server.lock"
_MAKING_SECONDS = 60  # a folder without a lock is not older while its server begins


def serve(
    data_dir: DataDir = None, host: Host = None, port: Port = None, workers: Workers = None
) -> None:
    """Serve the API, and say where; until Ctrl-C or SIGTERM.

    Example: pawsonalize serve --port 8080 --workers 2
    """
    options = {"data_dir": data_dir, "host": host, "port": port, "workers": workers}
    settings, written = read_settings(options)
    run_server(settings, written.sources)


def run_server(settings: Settings, sources: Mapping[str, str] | None = None) -> None:
    """Serve until SIGTERM or SIGINT. `sources` are the places where settings were written."""
    from pawsonalize.app.asgi import RESERVED_FILES
    from pawsonalize.app.configuration import needs, unusable

    # Here, what cannot be used is one line and an exit code; in a worker, a traceback.
    refuse(list(unusable(settings, sources or {})))
    wait_for_port(settings)  # before anything is made or announced that would not be so
    with opened_or_made(settings) as adapters:
        for look in needs(settings):
            look(adapters)
        _check_access(settings, adapters)
        announcement = "\n".join(_announced(settings, adapters))
    os.environ.update(as_environment(settings))
    os.environ[SOURCES] = msgspec.json.encode(dict(sources or {})).decode()
    options: dict[str, object] = {
        "host": settings.host,
        "port": settings.port,
        "factory": True,
        "workers": settings.workers,
        "access_log": False,
        "log_config": None,
        "timeout_graceful_shutdown": _DRAIN_SECONDS,
        "timeout_worker_healthcheck": _START_SECONDS,
        "server_header": False,
        "proxy_headers": False,  # the app has its own, which knows the trusted proxies
        "http": "pawsonalize.app.asgi:connection",
        "ws": "none",
        "timeout_keep_alive": settings.idle_seconds,
    }
    _allow_files(settings.max_connections + RESERVED_FILES)
    say(announcement)
    if settings.workers == 1:
        _run(options)
    else:
        _supervise_with_workers()
        with _metrics_folder() as folder:
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
            _run(options)


def _announced(settings: Settings, adapters: "Adapters") -> Iterator[str]:
    from pawsonalize.recommend.campaigns import entries

    scheme = "https" if settings.tls_certificate else "http"
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    url = f"{scheme}://{host}:{settings.port}" if settings.port else f"a free port of {host}"
    yield f"Pawsonalize {__version__} on {url} (stop it with Ctrl-C)"
    if not settings.has_role(SERVE):
        yield f"  does: {', '.join(settings.own_roles)}; it answers no questions"
        return
    if settings.serves_site:
        name = "the demo" if settings.is_demo else settings.site_name
        yield f"  adoption site:  {url}/ ({name})"
    yield f"  API:            {url}/docs, and Amazon Personalize's at {url}/aws"
    serving = [one for one in entries(adapters.registry) if one.serves]
    models = ", ".join(f"{one.name} ({one.campaign.solution_version})" for one in serving)
    yield f"  models:         {models or 'none yet: counts answer until one is trained'}"
    who = "who has an access key" if settings.requires_keys else "anybody who reaches it, no key"
    yield f"  may call:       {who}"
    if settings.clock_file:
        yield f"  lives in:       {iso(clock.now())}, by {settings.clock_file}"


def _check_access(settings: Settings, adapters: "Adapters") -> None:
    # Refuses what would let a network in by mistake, or nobody at all.
    from pawsonalize.app.configuration import check_keys, first_keys
    from pawsonalize.core.scopes import Scope
    from pawsonalize.resources.access_keys import ADOPTION_SITE

    keys = adapters.access_keys
    for key_id, scopes in first_keys(settings).items():
        keys.ensure(key_id, scopes, "the setting first_access_keys", clock.real_now())
    check_keys(settings, keys.all())
    if not settings.requires_keys and not settings.is_local:
        say(
            f"anybody who reaches {settings.host} may read histories, retrain and change"
            " animals: access_keys is open",
            "yellow",
        )
    elif settings.requires_keys and settings.serves_site and keys.noted(ADOPTION_SITE) is None:
        keys.create([Scope.BROWSER], ADOPTION_SITE, clock.real_now())


def _allow_files(wanted: int) -> None:
    # Every connection is a file, and the usual limit of a shell is 1,024.
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def wait_for_port(settings: Settings) -> None:
    """Wait until workers without a supervisor let go of the port; Conflict if others have it."""
    deadline = time.monotonic() + _PORT_SECONDS
    while error := _why_not_bound(settings.host, settings.port):
        if error.errno != errno.EADDRINUSE or time.monotonic() > deadline:
            raise Conflict(
                f"cannot listen on port {settings.port} of {settings.host}:"
                f" {os.strerror(error.errno or 0).lower()}. Name another port, such as --port"
                f" {settings.port + 1}, or stop the program that has it"
            ) from error
        time.sleep(_LOOK_SECONDS)


def _why_not_bound(host: str, port: int) -> OSError | None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            # A wrong host is uvicorn's to name.
            return error if error.errno in {errno.EADDRINUSE, errno.EACCES} else None
    return None


@contextmanager
def _metrics_folder() -> Iterator[str]:
    """A folder for the workers' metrics; those of servers that were killed are removed."""
    from pawsonalize.core.work.leases import held

    for left in Path(tempfile.gettempdir()).glob(f"{_METRICS}*"):
        with suppress(OSError):
            if _is_left(left):
                shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=_METRICS) as folder, held(Path(folder) / _SERVER_LOCK):
        yield folder


def _is_left(folder: Path) -> bool:
    # True if it is ours, and no server that lives writes into it.
    from pawsonalize.core.work.leases import is_held

    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        return False
    if (folder / _SERVER_LOCK).exists():
        return not is_held(folder / _SERVER_LOCK)
    return clock.real_now() - found.st_mtime * SECOND > _MAKING_SECONDS * SECOND


def _run(options: dict[str, Any]) -> None:
    import uvicorn

    # Once drained, uvicorn sends itself the signal again, for the handler that was there before.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        uvicorn.run("pawsonalize.app.asgi:asgi", **options)
    except SystemExit as ended:  # uvicorn has more exit codes than we promise
        sys.exit(1 if ended.code else 0)


def _supervise_with_workers() -> None:
    """Let uvicorn's supervisor, which has no setting for it, notice at once when a worker dies."""
    # While the supervisor holds the worker's end of the pipe between them, a worker that dies after
    # it was asked whether it lives leaves no end of file: the supervisor waits for the answer until
    # the health check times out, replaces nobody and hears no signal.
    from uvicorn.supervisors.multiprocess import Process

    start = Process.start

    def start_and_let_go(process: Process) -> None:
        start(process)
        process.child_conn.close()

    Process.start = start_and_let_go  # type: ignore[assignment, method-assign]
