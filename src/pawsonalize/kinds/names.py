"""New identifiers: time-ordered, so that an index grows at its end, and random, so unguessable."""

import secrets

from pawsonalize.domain.times import iso

_48_BITS = 2**48 - 1
_62_BITS = 2**62 - 1


def new_event_id(now: int) -> str:
    """An event id for a sender that gave none; `now` in milliseconds since 1970."""
    return f"{now:012x}{secrets.token_hex(10)}"


def new_recommendation_id(now: int) -> str:
    """The id of one answer, `RID-` and a UUID; `now` in milliseconds since 1970.

    A UUID of version 7 (RFC 9562): the moment, then 74 random bits.
    """
    moment = now & _48_BITS
    random = secrets.randbits(74)
    return _recommendation_id(moment, random)


def first_recommendation_id(moment: int) -> str:
    """The least id of an answer that may be given at that moment, in milliseconds since 1970."""
    return _recommendation_id(moment & _48_BITS, 0)


def _recommendation_id(moment: int, random: int) -> str:
    bits = moment << 80 | 7 << 76 | (random >> 62) << 64 | 2 << 62 | random & _62_BITS
    text = f"{bits:032x}"
    return f"RID-{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def new_tracking_id() -> str:
    """What lets a site send events into a dataset group."""
    return secrets.token_hex(16)


def new_resource_name(of: str, now: int) -> str:
    """The name of a resource without a given name, `of-20260517T093000000Z-1f2e3d`."""
    stamp = iso(now).translate(str.maketrans("", "", "-:."))
    return f"{of}-{stamp}-{secrets.token_hex(3)}"
