"""Progress bars of long work, on a terminal only."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress as Bars

from pawsonalize.engine.resources.progress import Progress


@contextmanager
def progress(label: str) -> Iterator[Progress]:
    """A bar on stderr while the block runs; where stderr is no terminal, nothing is drawn."""
    console = Console(stderr=True)
    with Bars(console=console, transient=True, disable=not console.is_terminal) as bars:
        task = bars.add_task(label, total=None)

        def show(done: int, total: int) -> None:
            bars.update(task, completed=done, total=total or None)

        yield show
