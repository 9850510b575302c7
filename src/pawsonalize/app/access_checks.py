"""Checks of access keys and of the clock."""

from collections.abc import Iterator

from pawsonalize.app.checks import Check, CheckedService, Diagnosis, attention, fine
from pawsonalize.app.intake_checks import newest_event_at
from pawsonalize.domain.errors import PawsonalizeError
from pawsonalize.domain.times import DAY, MINUTE, SECOND, iso
from pawsonalize.kinds.access_keys import AccessKey

_SOON = 7 * DAY
_CLOCKS_DIFFER = 5 * SECOND
_AHEAD = 5 * MINUTE


def keys(service: CheckedService) -> Iterator[Diagnosis]:
    """Find keys that are missing, open to anybody, or about to end."""
    settings, access = service.settings, service.adapters.access_keys(service.settings)
    every = list(access.all())
    valid = [one for one in every if not one.is_expired(service.now)]
    if settings.requires_keys and not valid:
        yield attention(
            f"nobody may call {settings.host}: there is no access key that is valid",
            "make one with `pawsonalize keys create`",
        )
    if not settings.requires_keys and not settings.is_local:
        yield attention(
            f"anybody who reaches {settings.host} may read histories and retrain: access_keys is"
            " open",
            "set access_keys to required (docs/how-to/use-keys.md)",
        )
    if every:
        yield from _root(service, every[0])
    for one in every:
        if one.expires_at is not None and one.expires_at - service.now < _SOON:
            ends = "is refused since" if one.is_expired(service.now) else "will be refused from"
            note = f" ({one.note})" if one.note else ""
            yield attention(
                f"{one.name}{note} {ends} {iso(one.expires_at)}",
                f"make the next one with `pawsonalize keys rotate {one.name}`, or take it away with"
                f" `pawsonalize keys rm {one.name}`",
                about=f"key {one.name}",
            )
    required = "required" if settings.requires_keys else "not required on this machine"
    yield fine(f"{len(valid):,} valid; keys are {required}")


def _root(service: CheckedService, key: AccessKey) -> Iterator[Diagnosis]:
    try:
        service.adapters.access_keys(service.settings).find(key.name)
    except PawsonalizeError as error:
        yield attention(str(error), about="root key")


def clock(service: CheckedService) -> Iterator[Diagnosis]:
    """Compare the clock with what was stored by it, and with that of PostgreSQL."""
    now = service.now
    move = "set the machine's clock by NTP: `timedatectl set-ntp true`"
    is_well = True
    newest = newest_event_at(service.adapters.log)
    if newest is not None and newest > now + _AHEAD:
        is_well = False
        yield attention(
            f"it is {iso(now)} here, and the newest event came in {iso(newest)}: the clock went"
            " back, or was ahead then",
            move,
        )
    theirs = service.adapters.database.clock()
    if theirs is not None and abs(theirs - now) > _CLOCKS_DIFFER:
        is_well = False
        yield attention(f"it is {iso(now)} here, and {iso(theirs)} in PostgreSQL", move)
    if is_well:
        yield fine(f"it is {iso(now)}")


CHECKS = (Check("keys", keys), Check("clock", clock))
