"""Checks of the service: each is declared once, beside its subject, and shown in several places."""

from collections.abc import Callable, Iterable, Iterator
from enum import Enum, StrEnum
from typing import Any

import msgspec

from pawsonalize.app.adapters import Adapters
from pawsonalize.app.settings import Settings
from pawsonalize.core.errors import PawsonalizeError
from pawsonalize.core.work.servers import Servers


class Verdict(StrEnum):
    """Fine, or something for you to do."""

    FINE = "fine"
    ATTENTION = "attention"


class Diagnosis(msgspec.Struct, frozen=True, omit_defaults=True):
    """One finding of a check; `next_move` says what to do about it, if anything."""

    check: str
    message: str
    verdict: Verdict = Verdict.FINE
    next_move: str = ""


def fine(message: str, next_move: str = "", about: str = "") -> Diagnosis:
    """Return a finding that all is well; it is about what the check is named after."""
    return Diagnosis(about, message, Verdict.FINE, next_move)


def attention(message: str, next_move: str = "", about: str = "") -> Diagnosis:
    """Return a finding that needs your attention."""
    return Diagnosis(about, message, Verdict.ATTENTION, next_move)


# `servers` is the watch of this process, which saves `servers` a watch of some seconds.
class CheckedService(msgspec.Struct, frozen=True):
    """The service that checks look at, as of `now`."""

    adapters: Adapters
    now: int
    servers: Servers | None = None

    @property
    def settings(self) -> Settings:
        """Its settings."""
        return self.adapters.settings


class CheckPlace(Enum):
    """A place that shows findings; `pawsonalize doctor` shows all."""

    DOCTOR = "doctor"
    STATUS = "status"
    OVERVIEW = "overview"
    READYZ = "readyz"
    """A finding that needs attention makes the server not ready."""


# `look` gets a `CheckedService`, or the settings alone if `is_of_machine`: such a check needs no
# data that can be opened. A check that `is_slow` waits, or reads all of something.
class Check(msgspec.Struct, frozen=True):
    """One question about the service, with the function that answers it."""

    name: str
    look: Callable[[Any], Iterable[Diagnosis]]
    shown: tuple[CheckPlace, ...] = (CheckPlace.DOCTOR, CheckPlace.STATUS)
    is_slow: bool = False
    is_of_machine: bool = False

    def findings(self, service: CheckedService | Settings) -> list[Diagnosis]:
        """Return the findings; a check that could not be done is a finding, too.

        Settings alone are enough for checks of the machine.
        """
        settings = service if isinstance(service, Settings) else service.settings
        try:
            found = list(self.look(settings if self.is_of_machine else service))
        except PawsonalizeError as error:
            found = [attention(str(error))]
        return [
            one if one.check else msgspec.structs.replace(one, check=self.name) for one in found
        ]


EVERYWHERE = (CheckPlace.DOCTOR, CheckPlace.STATUS, CheckPlace.OVERVIEW)
IN_DOCTOR = (CheckPlace.DOCTOR,)


def examine(
    checks: Iterable[Check], service: CheckedService | Settings, place: CheckPlace
) -> Iterator[Diagnosis]:
    """Yield the findings of all checks that the place shows."""
    for check in checks:
        if place in check.shown:
            yield from check.findings(service)


def needing_attention(findings: Iterable[Diagnosis]) -> list[Diagnosis]:
    """Return the findings that need your attention."""
    return [finding for finding in findings if finding.verdict is Verdict.ATTENTION]
