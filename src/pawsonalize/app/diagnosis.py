"""What a check of the doctor looks at, and what it finds."""

from enum import StrEnum

import msgspec

from pawsonalize.app.adapters import Adapters
from pawsonalize.settings import Settings
from pawsonalize.wings.fleet.servers import Servers


class Verdict(StrEnum):
    """Whether you have to do something."""

    FINE = "fine"
    ATTENTION = "attention"


class Diagnosis(msgspec.Struct, frozen=True, omit_defaults=True):
    """One finding: what it is, and what to do about it, if anything."""

    check: str
    message: str
    verdict: Verdict = Verdict.FINE
    next_move: str = ""


class Patient(msgspec.Struct, frozen=True):
    """What the checks look at, as of `now`."""

    settings: Settings
    adapters: Adapters
    now: int
    servers: Servers | None = None
    """Who this process has watched all along; None: a check that asks has to watch for a while."""


def attention(check: str, message: str, next_move: str = "") -> Diagnosis:
    """A finding that needs your attention."""
    return Diagnosis(check, message, Verdict.ATTENTION, next_move)
