"""`pawsonalize serve`: the service, until it is told to stop."""

import os
import signal
import sys
import tempfile
from typing import TYPE_CHECKING, Any

from pawsonalize import clock
from pawsonalize.cli.opening import opened_or_made
from pawsonalize.cli.options import DataDir, Host, Port, Workers
from pawsonalize.cli.terminal import say
from pawsonalize.domain.errors import InvalidInput
from pawsonalize.settings import Settings, as_environment, load_settings

if TYPE_CHECKING:
    from pawsonalize.app import Adapters

_DRAIN_SECONDS = 30
# A worker that has not said a word for so long is replaced; a busy machine starts it slowly.
_START_SECONDS = 120


def serve(
    data_dir: DataDir = None, host: Host = None, port: Port = None, workers: Workers = None
) -> None:
    """Serve the API.

    Example: pawsonalize serve --port 8080 --workers 2
    """
    run_server(
        load_settings({"data_dir": data_dir, "host": host, "port": port, "workers": workers})
    )


def run_server(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; requests in flight are answered first."""
    from pawsonalize.app import open_notifiers, polling

    # Here, what cannot be used is one line and an exit code; in a worker, a traceback.
    open_notifiers(settings)
    with opened_or_made(settings) as adapters:
        polling(settings, adapters)
        _check_access(settings, adapters)
    # Two libraries that each take all cores for one small product only get in their own way.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ.update(as_environment(settings))
    options: dict[str, Any] = {
        "host": settings.host,
        "port": settings.port,
        "factory": True,
        "workers": settings.workers,
        "access_log": False,
        "log_config": None,
        "timeout_graceful_shutdown": _DRAIN_SECONDS,
        "timeout_worker_healthcheck": _START_SECONDS,
        "server_header": False,
    }
    if settings.workers == 1:
        _run(options)
        return
    _supervise_with_workers()
    with tempfile.TemporaryDirectory(prefix="pawsonalize-metrics-") as folder:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        _run(options)


def _check_access(settings: Settings, adapters: "Adapters") -> None:
    """InvalidInput where a network would be let in by mistake, or nobody could come in."""
    from pawsonalize.engine.resources.access_keys import DEMO_SITE, Scope

    keys = adapters.access_keys(settings)
    if not settings.requires_keys:
        if not settings.is_local:
            say(
                f"anybody who reaches {settings.host} may read histories, retrain and change"
                " animals: access_keys is open",
                "yellow",
            )
    elif all(key.note == DEMO_SITE for key in keys.all()):
        raise InvalidInput(
            f"nobody may call {settings.host} without an access key, and there is none: make one"
            " with `pawsonalize keys create`, or set PAWSONALIZE_ACCESS_KEYS=open if anybody who"
            " reaches it may read histories, retrain and change animals",
            field="access_keys",
        )
    elif settings.demo_site and keys.noted(DEMO_SITE) is None:
        keys.create([Scope.BROWSER], DEMO_SITE, clock.now())


def _run(options: dict[str, Any]) -> None:
    """Run uvicorn, with our exit codes: 0 after a stop that was asked for, else 1."""
    import uvicorn

    # Once drained, uvicorn sends itself the signal again, for the handler that was there before.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        uvicorn.run("pawsonalize.app.asgi:asgi", **options)
    except SystemExit as ended:
        sys.exit(1 if ended.code else 0)


def _supervise_with_workers() -> None:
    """Let uvicorn's supervisor, which has no setting for it, notice at once when a worker dies.

    While the supervisor holds the worker's end of the pipe between them, a worker that dies after
    it was asked whether it lives leaves no end of file: the supervisor waits for the answer until
    the health check times out, replaces nobody and hears no signal.
    """
    from uvicorn.supervisors.multiprocess import Process

    start = Process.start

    def start_and_let_go(process: Process) -> None:
        start(process)
        process.child_conn.close()

    Process.start = start_and_let_go  # type: ignore[assignment, method-assign]
