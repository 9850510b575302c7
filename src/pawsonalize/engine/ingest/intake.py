"""Watch over the share of refused events; many refusals are a problem that is notified."""

import threading
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from pawsonalize.domain.times import MINUTE
from pawsonalize.kinds.problems import Problems

PROBLEM: Final = "take events"
WINDOW: Final = 5 * MINUTE
FEWEST: Final = 20
"""Least number of refusals in the window that is a problem and no single typo."""


@dataclass(slots=True)
class _Minute:
    number: int
    accepted: int = 0
    reasons: Counter[str] = field(default_factory=Counter)


class Intake:
    """Counts of events accepted and refused by one process in the last minutes, by any way in."""

    def __init__(self, problems: Problems, notice: float) -> None:
        """Watch for a problem: a share of refusals greater than `notice`; with 1, never."""
        self._problems = problems
        self._notice = notice
        self._minutes: deque[_Minute] = deque(maxlen=WINDOW // MINUTE)
        self._lock = threading.Lock()

    def count(self, now: int, accepted: int, reasons: Iterable[str] = ()) -> None:
        """Note what was taken, or was there already, and the reason of each refusal.

        A reason is short and names nobody: a code, or a field.
        """
        with self._lock:
            minute = self._minute(now)
            minute.accepted += accepted
            minute.reasons.update(reasons)

    def look(self, now: int) -> None:
        """Report the problem if there is one; it ends by itself when no process reports it."""
        with self._lock:
            self._minute(now)
            accepted = sum(one.accepted for one in self._minutes)
            reasons = sum((one.reasons for one in self._minutes), Counter[str]())
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

    def _minute(self, now: int) -> _Minute:
        number = now // MINUTE
        while self._minutes and self._minutes[0].number <= number - WINDOW // MINUTE:
            self._minutes.popleft()
        if not self._minutes or self._minutes[-1].number < number:
            self._minutes.append(_Minute(number))
        return self._minutes[-1]
