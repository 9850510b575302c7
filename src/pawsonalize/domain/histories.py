"""An animal's history when it is told of later: when it came, when it left, when it came back.

A history is a tuple of status changes in order of time. What is told can stand before, between
and after the changes that are known; whatever order stays are told in, twice is as good as once.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from pawsonalize.domain.statuses import AnimalStatus, StatusChange, route

LEFT = frozenset({AnimalStatus.ADOPTED, AnimalStatus.REMOVED})
History = tuple[StatusChange, ...]


@dataclass(frozen=True, slots=True)
class PastStay:
    """What is told of a stay: since when, how it ended, since when the animal is back.

    Moments are milliseconds since 1970. None: not told, or not yet.
    """

    since: int | None = None
    ending: StatusChange | None = None
    back: int | None = None


def with_stay(history: History, stay: PastStay) -> History:
    """The history with the stay in its place."""
    ending = stay.ending
    if ending is None:
        known = history if stay.since is None else with_arrival(history, stay.since)
        return known if stay.back is None else with_arrival(known, stay.back)
    if ending in history:
        place = history.index(ending)
        before, after = history[:place], history[place:]
    else:
        before = tuple(change for change in history if change.at < ending.at)
        after = (ending, *history[len(before) :])
    if stay.since is not None:
        before = with_arrival(before, stay.since)
    if stay.back is not None:
        after = with_arrival(after, stay.back)
    return _joined((*before, *after))


def with_arrival(history: History, since: int) -> History:
    """The history of an animal that is there since a moment, unless it was there before."""
    arrival = StatusChange(AnimalStatus.AVAILABLE, since)
    before = tuple(change for change in history if change.at <= since)
    if arrival in history or (before and before[-1].status not in LEFT):
        return history
    after = history[len(before) :]
    if not before and after and after[0].status is AnimalStatus.AVAILABLE:
        after = after[1:]  # it was there earlier than was known
    return _joined((*before, arrival, *after))


def _joined(changes: Iterable[StatusChange]) -> History:
    """The changes with what must lie between them, and without those that change nothing."""
    known: list[StatusChange] = []
    for change in changes:
        if not known:
            known.append(change)
            continue
        last = known[-1].status
        if change.status is AnimalStatus.RETURNED and last is not AnimalStatus.ADOPTED:
            continue  # from nowhere
        if change.status is AnimalStatus.REMOVED and last is AnimalStatus.ADOPTED:
            continue  # that it is gone was known
        known += [StatusChange(status, change.at) for status in route(last, change.status)]
    return tuple(known)
