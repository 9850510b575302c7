"""Raw events that are calls of Amazon's, told from all others without its shapes."""

import msgspec
from msgspec import UNSET, Raw, UnsetType


class _Peek(msgspec.Struct, frozen=True, rename="camel"):
    event_list: Raw | UnsetType = UNSET
    action_interactions: Raw | UnsetType = UNSET


_PEEK = msgspec.json.Decoder(_Peek)


def is_raw_call(raw: str) -> bool:
    """True if a raw event is a call of Amazon's with one event."""
    try:
        found = _PEEK.decode(raw)
    except msgspec.MsgspecError:
        return False
    return found.event_list is not UNSET or found.action_interactions is not UNSET
