"""The doctor's checks of keys and of the clock."""

from collections.abc import Iterator

from pawsonalize.app.diagnosis import Diagnosis, Patient, attention
from pawsonalize.domain.errors import PawsonalizeError
from pawsonalize.domain.times import DAY, MINUTE, SECOND, iso
from pawsonalize.kinds.access_keys import AccessKey

_SOON = 7 * DAY
_CLOCKS_DIFFER = 5 * SECOND
_AHEAD = 5 * MINUTE


def keys(patient: Patient) -> Iterator[Diagnosis]:
    """Whether those may call who should, and for how long."""
    settings, access = patient.settings, patient.adapters.access_keys(patient.settings)
    every = list(access.all())
    valid = [one for one in every if not one.is_expired(patient.now)]
    if settings.requires_keys and not valid:
        yield attention(
            "keys",
            f"nobody may call {settings.host}: there is no access key that is valid",
            "make one with `pawsonalize keys create`",
        )
    if not settings.requires_keys and not settings.is_local:
        yield attention(
            "keys",
            f"anybody who reaches {settings.host} may read histories and retrain: access_keys is"
            " open",
            "set access_keys to required (docs/how-to/use-keys.md)",
        )
    if every:
        yield from _root(patient, every[0])
    for one in every:
        if one.expires_at is not None and one.expires_at - patient.now < _SOON:
            ends = "is refused since" if one.is_expired(patient.now) else "will be refused from"
            note = f" ({one.note})" if one.note else ""
            yield attention(
                f"key {one.name}",
                f"{one.name}{note} {ends} {iso(one.expires_at)}",
                f"make the next one with `pawsonalize keys rotate {one.name}`, or take it away with"
                f" `pawsonalize keys rm {one.name}`",
            )
    required = "required" if settings.requires_keys else "not required on this machine"
    yield Diagnosis("keys", f"{len(valid):,} valid; keys are {required}")


def _root(patient: Patient, key: AccessKey) -> Iterator[Diagnosis]:
    try:
        patient.adapters.access_keys(patient.settings).find(key.name)
    except PawsonalizeError as error:
        yield attention("root key", str(error))


def clock(patient: Patient) -> Iterator[Diagnosis]:
    """Whether the clock agrees with what was stored by it, and with that of PostgreSQL."""
    log, now = patient.adapters.log, patient.now
    move = "set the machine's clock by NTP: `timedatectl set-ntp true`"
    is_well = True
    head = log.head()
    for one in log.read(max(0, head - 1), head, 1):
        if one.event.received_at > now + _AHEAD:
            is_well = False
            yield attention(
                "clock",
                f"it is {iso(now)} here, and the newest event came in {iso(one.event.received_at)}:"
                " the clock went back, or was ahead then",
                move,
            )
    theirs = patient.adapters.database.clock()
    if theirs is not None and abs(theirs - now) > _CLOCKS_DIFFER:
        is_well = False
        yield attention("clock", f"it is {iso(now)} here, and {iso(theirs)} in PostgreSQL", move)
    if is_well:
        yield Diagnosis("clock", f"it is {iso(now)}")
