"""What is done as soon as a server is told to end, while requests in flight are still answered."""

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def told_to_end(work: Callable[[], object]) -> Iterator[None]:
    """Do that on the event loop when a signal to end comes, before uvicorn hears of it.

    uvicorn tells nobody when it begins to wait for requests. Only the main thread gets signals:
    elsewhere, as in tests, nothing is done.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    found = {sign: signal.getsignal(sign) for sign in _SIGNS}
    before = {sign: handler for sign, handler in found.items() if callable(handler)}

    def tell(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(work)  # not here: what was interrupted may hold a lock
        before[signal.Signals(number)](number, frame)

    for sign in before:
        signal.signal(sign, tell)
    try:
        yield
    finally:
        for sign, handler in before.items():
            signal.signal(sign, handler)
