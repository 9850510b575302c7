"""`pawsonalize serve`: the service, until it is told to stop."""

import os
import signal
import sys
import tempfile
from typing import TYPE_CHECKING, Any

from pawsonalize.cli.opening import opened_or_made
from pawsonalize.cli.options import DataDir, Host, Port, Workers
from pawsonalize.cli.terminal import say
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
        if advice := _advice(settings, adapters):
            say(advice, "yellow")
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


def _advice(settings: Settings, adapters: "Adapters") -> str | None:
    """What to do about who may call `/aws`, if anything."""
    if not settings.requires_signatures:
        if settings.is_local:
            return None
        return f"anybody who reaches {settings.host} may call /aws: aws_signatures is off"
    if next(adapters.access_keys(settings).all(), None) is not None:
        return None
    return (
        "/aws answers signed requests only, and nobody can sign yet: make an access key with"
        " `pawsonalize keys create`, or set PAWSONALIZE_AWS_SIGNATURES=off"
    )


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
