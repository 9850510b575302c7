"""Stays: of which item an animal was, is and will be available, from when until when."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

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
