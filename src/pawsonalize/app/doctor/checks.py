"""The checks, in the order of the report."""

from collections.abc import Callable, Iterator

from pawsonalize.app.adapters import opened
from pawsonalize.app.doctor.data import animals, database, event_types, events
from pawsonalize.app.doctor.finding import Diagnosis, Patient, attention
from pawsonalize.app.doctor.machine import disk, folder, notifiers, settings_given, versions
from pawsonalize.app.doctor.serving import (
    campaigns,
    deliveries,
    last_retraining,
    problems,
    trainings,
)
from pawsonalize.domain.errors import PawsonalizeError
from pawsonalize.settings import Settings

OF_THE_MACHINE: tuple[Callable[[Settings], Iterator[Diagnosis]], ...] = (
    versions,
    settings_given,
    folder,
    disk,
    notifiers,
)
OF_THE_SERVICE: tuple[Callable[[Patient], Iterator[Diagnosis]], ...] = (
    database,
    events,
    event_types,
    animals,
    campaigns,
    trainings,
    last_retraining,
    deliveries,
    problems,
)


def examine(settings: Settings, now: int) -> Iterator[Diagnosis]:
    """The findings of every check. A check that cannot be done says so, and the others go on."""
    for of_the_machine in OF_THE_MACHINE:
        yield from of_the_machine(settings)
    try:
        with opened(settings, must_exist=True) as adapters:
            for of_the_service in OF_THE_SERVICE:
                yield from _done(of_the_service, Patient(settings, adapters, now))
    except PawsonalizeError as error:  # NotFound: there is nothing to look at
        yield attention("database", error.message)


def _done(check: Callable[[Patient], Iterator[Diagnosis]], patient: Patient) -> list[Diagnosis]:
    try:
        return list(check(patient))
    except PawsonalizeError as error:
        return [attention(check.__name__.replace("_", " "), error.message)]
