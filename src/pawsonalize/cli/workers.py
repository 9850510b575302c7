"""Worker processes that are missed at once when they die."""

from uvicorn.supervisors import multiprocess


class Worker(multiprocess.Process):
    """A worker process whose end of the pipe between them its supervisor lets go of.

    While the supervisor holds it, a worker that dies after it was asked whether it lives leaves no
    end of file: the supervisor waits for the answer until the health check times out, replaces
    nobody and hears no signal.
    """

    def start(self) -> None:
        """Start it."""
        super().start()
        self.child_conn.close()


def supervise_with_workers() -> None:
    """Let uvicorn's supervisor, which has no setting for it, start workers of this kind."""
    multiprocess.Process = Worker  # type: ignore[misc]
