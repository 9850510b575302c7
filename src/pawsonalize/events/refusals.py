"""Port for what came in and could not be taken; a plugin may keep it, so that people mend it."""

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Protocol

import msgspec

from pawsonalize.core.logs import get_logger
from pawsonalize.core.times import MINUTE
from pawsonalize.core.work.problems import Problems

PROBLEM: Final = "take events"
WINDOW: Final = 5 * MINUTE
FEWEST: Final = 20
"""Least number of refusals in the window that is a problem and no single typo."""


class Intake:
    """Counts of events accepted and refused by one process in the last minutes, by any way in."""

    def __init__(self, problems: Problems, notice: float) -> None:
        """Watch for a problem: a share of refusals greater than `notice`; with 1, never."""
        self._problems = problems
        self._notice = notice
        self._minutes: dict[int, Counter[str | None]] = {}  # of reasons; None: it was accepted
        self._lock = threading.Lock()

    def count(self, now: int, accepted: int, reasons: Iterable[str] = ()) -> None:
        """Note what was accepted, and the reason of each refusal: a code, or a field."""
        with self._lock:
            counts = self._window(now).setdefault(now // MINUTE, Counter())
            counts.update(reasons)
            counts[None] += accepted

    def look(self, now: int) -> None:
        """Report the problem if there is one."""
        # It ends by itself when no process reports it.
        with self._lock:
            reasons = sum(self._window(now).values(), Counter[str | None]())
        accepted = reasons.pop(None, 0)
        refused = reasons.total()
        total = accepted + refused
        if refused < FEWEST or refused <= self._notice * total:
            return
        reason, count = reasons.most_common(1)[0]
        message = (
            f"{refused:,} of {total:,} events that came in within {WINDOW // MINUTE} minutes could"
            f" not be taken, {count:,} of them for {reason}: see `pawsonalize dead-letters ls`"
        )
        self._problems.report(PROBLEM, message, now, within=WINDOW)

    def _window(self, now: int) -> dict[int, Counter[str | None]]:
        before = (now - WINDOW) // MINUTE
        self._minutes = {one: counts for one, counts in self._minutes.items() if one > before}
        return self._minutes


HTTP: Final = "http"
"""The source of what came by HTTP."""

log = get_logger()


class RefusedInput(msgspec.Struct, frozen=True):
    """Refused data, as it came in, and the reason."""

    source: str
    """`http`, or the stream's URL without who logs in."""
    dataset_group: str
    """The dataset group that it was to go into."""
    at: int
    """The moment when it came in, in milliseconds since 1970."""
    raw: bytes
    code: str
    """The reason for machines."""
    message: str
    """The reason for people."""
    field: str | None = None
    """The field that is wrong, if it is one."""
    # Its place in the stream: `shard/sequence`, in a list with `/index` behind that.
    position: str | None = None


class RefusalSink(Protocol):
    """Keeps what `/v1/events` refuses: the port `refusals`. Raises nothing, as senders know why."""

    async def keep(
        self, refused: Sequence[RefusedInput], *, is_page: bool = False, user_id: str | None = None
    ) -> int:
        """Keep what may be kept; returns how much there is no room for."""

        # Of what a page sent, nothing is kept that names another user than its own.

    def close(self) -> None:
        """Store what waits, and stop."""


KeepRefusals = Callable[[Sequence[RefusedInput]], object]
"""Keeps what a stream brought, durably on return: the port `stream_refusals`."""


def log_refusals(refused: Sequence[RefusedInput]) -> None:
    """Log what nobody keeps: place and reason, and nothing of a visitor."""
    for one in refused:
        log.warning(
            "refused", source=one.source, position=one.position, code=one.code, field=one.field
        )
