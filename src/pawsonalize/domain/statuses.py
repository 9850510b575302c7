"""Statuses of an animal, the history that they make, and its stays.

A history is a tuple of status changes in order of time. News of a stay may come late: it can stand
before, between and after the known changes. The order in which stays are reported does not matter,
and twice is as good as once.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType

from pawsonalize.domain.errors import Conflict

FOREVER = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Stay:
    """An animal of the item is available from `since` until just before `until` (milliseconds).

    `FOREVER` while nobody knows when it ends.
    """

    item_id: str
    since: int
    until: int = FOREVER


def revise(before: Iterable[Stay], after: Iterable[Stay], cut: int) -> tuple[Stay, ...]:
    """The stays as they were before up to the cut, and from then on the new ones; each in order."""
    kept = [replace(stay, until=min(stay.until, cut)) for stay in before if stay.since < cut]
    new = [replace(stay, since=max(stay.since, cut)) for stay in after if stay.until > cut]
    if kept and new and (kept[-1].until, kept[-1].item_id) == (new[0].since, new[0].item_id):
        new[0] = replace(new[0], since=kept.pop().since)  # it goes on as if nothing had happened
    return (*kept, *new)


class AnimalStatus(StrEnum):
    """Only an available animal may be shown.

    A returned one came back from its adopters and is not available again yet; a removed one is
    no longer listed for any other reason (transferred, back with its owner, gone from the feed).
    """

    AVAILABLE = "available"
    PENDING = "pending"
    HOLD = "hold"
    ADOPTED = "adopted"
    RETURNED = "returned"
    REMOVED = "removed"


STATUS_WORDS: Mapping[str, AnimalStatus] = MappingProxyType(
    {
        **dict.fromkeys(
            ("adoptable", "avail", "availableforadoption", "foradoption"), AnimalStatus.AVAILABLE
        ),
        **dict.fromkeys(("onhold", "held", "notavailable"), AnimalStatus.HOLD),
        **dict.fromkeys(("adoptionpending", "pendingadoption", "reserved"), AnimalStatus.PENDING),
        "adoption": AnimalStatus.ADOPTED,
    }
)
"""Other words for them; spaces, case and punctuation do not count."""


@dataclass(frozen=True, slots=True)
class StatusChange:
    """The status an animal has from that moment on, in milliseconds since 1970."""

    status: AnimalStatus
    at: int


_IN_CARE = frozenset({AnimalStatus.AVAILABLE, AnimalStatus.PENDING, AnimalStatus.HOLD})
_LEAVING = frozenset({AnimalStatus.ADOPTED, AnimalStatus.REMOVED})

STEPS: Mapping[AnimalStatus, frozenset[AnimalStatus]] = MappingProxyType(
    {
        AnimalStatus.AVAILABLE: _IN_CARE | _LEAVING,
        AnimalStatus.PENDING: _IN_CARE | _LEAVING,
        AnimalStatus.HOLD: _IN_CARE | _LEAVING,
        AnimalStatus.ADOPTED: frozenset({AnimalStatus.ADOPTED, AnimalStatus.RETURNED}),
        AnimalStatus.RETURNED: _IN_CARE | {AnimalStatus.RETURNED, AnimalStatus.REMOVED},
        AnimalStatus.REMOVED: _IN_CARE | _LEAVING,
    }
)


def check_step(old: AnimalStatus, new: AnimalStatus) -> None:
    """Conflict, naming what may follow, if the one status cannot follow the other."""
    if new not in STEPS[old]:
        allowed = ", ".join(status for status in AnimalStatus if status in STEPS[old] - {old})
        raise Conflict(f"an animal that is {old} cannot become {new}: it may become {allowed}")


def route(old: AnimalStatus, new: AnimalStatus) -> tuple[AnimalStatus, ...]:
    """The steps from the old status to the new one; none if they are the same.

    A step that nobody reported is added in between: an adopted animal is returned before it is
    available again, and an available one is adopted before it is returned.
    """
    if new is old:
        return ()
    if new in STEPS[old]:
        return (new,)
    between = AnimalStatus.AVAILABLE
    if old is AnimalStatus.ADOPTED:
        between = AnimalStatus.RETURNED
    elif new is AnimalStatus.RETURNED:
        between = AnimalStatus.ADOPTED
    return (between, new)


LEFT = frozenset({AnimalStatus.ADOPTED, AnimalStatus.REMOVED})
History = tuple[StatusChange, ...]


@dataclass(frozen=True, slots=True)
class PastStay:
    """A stay as it is reported: since when, how it ended, since when the animal is back.

    Moments are milliseconds since 1970. None: not reported, or not yet.
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
    """The history of an animal that is available since a moment, unless it was before."""
    arrival = StatusChange(AnimalStatus.AVAILABLE, since)
    before = tuple(change for change in history if change.at <= since)
    if arrival in history or (before and before[-1].status not in LEFT):
        return history
    after = history[len(before) :]
    if not before and after and after[0].status is AnimalStatus.AVAILABLE:
        after = after[1:]  # it was available earlier than was known
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
