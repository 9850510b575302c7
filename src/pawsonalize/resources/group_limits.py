"""Limits of a dataset group, so that what one does costs no other."""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from pawsonalize.core.errors import InvalidInput

Most = Annotated[int, Meta(ge=0)]
_MOST_DAYS = 36_500


class GroupLimits(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """The most that a dataset group may use; None: no limit of its own. Days are those of UTC.

    Those of a day are counted exactly, those of a minute in each server process, which gets its
    share. Imports are not limited.
    """

    requests_per_minute: Most | None = None
    """Requests about it, at both doors: recommendations, re-rankings and calls with events; all
    others, too, that its own keys make."""
    events_per_minute: Most | None = None
    """Events that come in."""
    events_per_day: Most | None = None
    """New events that are stored of those that come in."""
    stored_events: Most | None = None
    """Events in the table, which are counted about twice a minute."""
    trainings_per_day: Most | None = None
    """Trainings that are asked for, or begun by a schedule."""
    event_days: Annotated[int, Meta(ge=1, le=_MOST_DAYS)] | None = None
    """Its events leave the table after so many days, if the setting `event_days` keeps longer."""
    retrain_schedule: str | None = None
    """Times of its retraining: as the setting of that name, or `never`; None: with all others."""
    weight: Annotated[int, Meta(ge=1, le=100)] = 1
    """Its share of a server that has more to do than it can, next to those of the others."""


NO_LIMITS = GroupLimits()
NEVER = "never"
"""Of `retrain_schedule`: only when somebody asks for it."""


def changed_limits(
    limits: GroupLimits, changes: Mapping[str, object], check_schedule: Callable[[str], object]
) -> GroupLimits:
    """The limits with these changes, by the names of fields; None takes a limit away.

    InvalidInput names a change that cannot be.
    """
    known = {one.name: one for one in msgspec.structs.fields(GroupLimits)}
    for name in changes:
        if name not in known:
            raise InvalidInput(
                f"there is no limit {name}; there are: {', '.join(sorted(known))}", field="limits"
            )
    given = {name: value for name, value in changes.items() if value is not None}
    gone = {name: known[name].default for name, value in changes.items() if value is None}
    values = msgspec.structs.asdict(limits) | gone | given
    try:
        found = msgspec.convert(
            {known[name].encode_name: value for name, value in values.items()},
            GroupLimits,
            strict=False,
        )
    except msgspec.ValidationError as error:
        raise InvalidInput(f"this limit cannot be: {error}", field="limits") from error
    if found.retrain_schedule not in {None, NEVER}:
        check_schedule(found.retrain_schedule)
    return found


def read_limits(given: Sequence[str]) -> dict[str, str | None]:
    """Return the limits of `name=value` each; one without a value is taken away."""
    pairs = [text.partition("=") for text in given]
    for name, equals, _ in pairs:
        if not equals:
            raise InvalidInput(f"--limit takes name=value, or name= for no limit; not {name}")
    return {name.strip(): value.strip() or None for name, _, value in pairs}
