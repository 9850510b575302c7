"""`pawsonalize doctor`: checks of the settings, the machine, the data and what is served."""

import os
import platform
import shutil
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from pawsonalize import __version__
from pawsonalize.app.access_checks import clock, keys
from pawsonalize.app.adapters import opened
from pawsonalize.app.diagnosis import Diagnosis, Patient, Verdict, attention
from pawsonalize.app.disk_forecast import FEW_DAYS, forecast
from pawsonalize.app.intake_checks import dead_letters, event_types, feeds, unknown_fields
from pawsonalize.app.model_checks import (
    campaigns,
    last_retraining,
    model_age,
    models,
    refresh,
    schedules,
    trainings,
)
from pawsonalize.app.shared_data import kept_here
from pawsonalize.archive.objects import open_objects
from pawsonalize.domain.errors import PawsonalizeError
from pawsonalize.domain.times import iso
from pawsonalize.engine.reporting.joined_events import NEXT_MOVE, joined_events
from pawsonalize.settings import Settings, read_settings
from pawsonalize.storage.data_folder import check_data_folder, is_data_folder, wrong_rights
from pawsonalize.storage.file_size import FileSize
from pawsonalize.wings.fleet.checks import read_replica, servers
from pawsonalize.wings.notifications.notifying import open_notifiers
from pawsonalize.wings.remote_amazon.checks import (
    campaigns_there,
    engine,
    erasures_there,
    events_sent,
)
from pawsonalize.wings.streams.checks import streams

_NAMED = 10
MachineCheck = Callable[[Settings], Iterator[Diagnosis]]
ServiceCheck = Callable[[Patient], Iterator[Diagnosis]]


def database(patient: Patient) -> Iterator[Diagnosis]:
    """Which database is used, and whether it takes writes."""
    looked_at = patient.adapters.database
    yield Diagnosis("database", looked_at.shown_url)
    if (reason := looked_at.why_not_writable()) is not None:
        yield attention("database", reason, "until then events are refused with 503")


def damage(patient: Patient) -> Iterator[Diagnosis]:
    """Whether the database's file is whole."""
    if (found := patient.adapters.database.damage()) is not None:
        yield attention("database", found)


def events(patient: Patient) -> Iterator[Diagnosis]:
    """How many events there are."""
    count = patient.adapters.log.count()
    if count:
        yield Diagnosis("events", f"{count:,} events")
    else:
        yield attention(
            "events",
            "no events",
            "send some to /v1/events, or read a file with `pawsonalize import`; if you expected"
            " some, look whether the data folder is the right one",
        )


def animals(patient: Patient) -> Iterator[Diagnosis]:
    """How many animals wait, and how many groups are described."""
    waiting = sum(patient.adapters.availability.count(patient.now).values())
    groups = patient.adapters.catalogue.item_count()
    yield Diagnosis("animals", f"{waiting:,} available animals, {groups:,} groups in the items")


def events_and_answers(patient: Patient) -> Iterator[Diagnosis]:
    """Whether events say which answers they came from."""
    found = joined_events(patient.adapters.impressions, patient.adapters.log, patient.now)
    if found.are_nearly_none:
        yield attention("events and answers", found.message, NEXT_MOVE)
    elif found.is_enough:
        yield Diagnosis("events and answers", found.message)


_MEGABYTE = 1_000_000
_LITTLE_SPACE = 500 * _MEGABYTE
_MUCH_FREE = 100 * _MEGABYTE


def versions(_settings: Settings) -> Iterator[Diagnosis]:
    """The versions of the service, Python and the libraries."""
    yield Diagnosis(
        "versions",
        f"Pawsonalize {__version__}, Python {platform.python_version()},"
        f" SQLite {sqlite3.sqlite_version}",
    )


def settings_given(_settings: Settings) -> Iterator[Diagnosis]:
    """Which settings are given, where, and which names have no effect."""
    _, written = read_settings()
    file = "no config file" if written.file is None else str(written.file.absolute())
    given = ", ".join(f"{name} (from {source})" for name, source in written.sources.items())
    yield Diagnosis("settings", f"{file}; given: {given or 'none'}")
    for warning in written.warnings:
        yield attention("settings", warning)


def folder(settings: Settings) -> Iterator[Diagnosis]:
    """The data folder."""
    path = settings.data_dir.absolute()
    try:
        check_data_folder(path)
    except PawsonalizeError as error:
        yield attention("data folder", error.message)
        return
    wrong = next(wrong_rights(path, settings.data_access), None) if is_data_folder(path) else None
    if wrong is not None and wrong[0] == path.resolve():
        reason = "others may read it" if wrong[1] & ~wrong[2] else "its group may not use it"
        move = "`pawsonalize doctor --mend-rights` changes what is ours in it, and lists that"
        yield attention("data folder", f"{path} has the mode {wrong[1]:o}: {reason}", move)
    elif path.is_dir():
        yield Diagnosis("data folder", str(path))
    else:
        yield attention(
            "data folder",
            f"there is no folder {path}",
            "name the right one with --data-dir or PAWSONALIZE_DATA_DIR, or fill a new one with"
            " `pawsonalize import` or `pawsonalize demo`",
        )


def shared_data(settings: Settings) -> Iterator[Diagnosis]:
    """Where machines that share models keep them, and what only this one has."""
    if not settings.artefact_url:
        return
    try:
        next(iter(open_objects(settings.artefact_url, hurried=True).list("models")), None)
        yield Diagnosis("shared data", settings.artefact_url)
    except PawsonalizeError as error:
        yield attention("shared data", f"{settings.artefact_url}: {error}")
    for message, next_move in kept_here(settings):
        yield attention("shared data", message, next_move)


def disk(settings: Settings) -> Iterator[Diagnosis]:
    """The space that is left where the data are."""
    usage = shutil.disk_usage(_existing(settings.data_dir.absolute()))
    free = f"{usage.free / _MEGABYTE:,.0f} MB of {usage.total / _MEGABYTE:,.0f} MB are free"
    if usage.free < _LITTLE_SPACE:
        yield attention("disk", free, "free some space: when it is full, events are refused")
    else:
        yield Diagnosis("disk", free)


def disk_forecast(patient: Patient) -> Iterator[Diagnosis]:
    """How much a day adds, and for how many days there is room."""
    found = forecast(patient.settings, patient.adapters, patient.now)
    if found is None:
        yield Diagnosis("disk forecast", "known when events of more than a day are archived")
        return
    parts = ", ".join(f"{one.kind} {one.per_day / _MEGABYTE:,.1f}" for one in found.growths)
    days = "more than ten years" if found.days_left is None else f"{found.days_left:,} days"
    per_day = f"{found.per_day / _MEGABYTE:,.1f} MB ({parts})"
    told = f"a day adds {per_day}; what is free is enough for {days}"
    if found.days_left is not None and found.days_left < FEW_DAYS:
        move = "keep less, see docs/how-to/keep-the-disk-small.md, or give the disk more space"
        yield attention("disk forecast", told, move)
    else:
        yield Diagnosis("disk forecast", told)


def database_file(patient: Patient) -> Iterator[Diagnosis]:
    """How much of a SQLite file is free, and whether it can give that back."""
    size = FileSize.of(patient.adapters.database)
    if size is None:
        return
    told = f"{size.total / _MEGABYTE:,.1f} MB, of which {size.free / _MEGABYTE:,.1f} MB are free"
    if size.shrinks:
        yield Diagnosis("database file", told)
        return
    told += "; it was made before files could give that back to the disk"
    move = "run `pawsonalize vacuum` once, at a quiet time"
    if size.free > max(_MUCH_FREE, size.total // 4):
        yield attention("database file", told, move)
    else:
        yield Diagnosis("database file", told, next_move=move)


def notifiers(settings: Settings) -> Iterator[Diagnosis]:
    """Who is notified."""
    try:
        names = [name for name in open_notifiers(settings) if name != "log"]
    except PawsonalizeError as error:
        yield attention("notifiers", str(error))
        return
    if names:
        yield Diagnosis("notifiers", f"{', '.join(names)}, and the log")
    else:
        yield Diagnosis(
            "notifiers",
            "the log alone",
            next_move="to be told by e-mail, webhook or SNS, set notify_… (docs/how-to/"
            "get-notified.md)",
        )


def _existing(path: Path) -> Path:
    """The folder, or the nearest existing one above it."""
    return next(one for one in (path, *path.parents) if os.access(one, os.F_OK))


def deliveries(patient: Patient) -> Iterator[Diagnosis]:
    """Notifications that did not arrive."""
    failing = [
        one
        for one in patient.adapters.deliveries.newest(100)
        if one.delivered_at is None and one.last_error is not None
    ]
    if failing:
        newest = failing[0]
        yield attention(
            "notifications",
            f"{len(failing)} of the newest did not arrive, the last by {newest.notifier}:"
            f" {newest.last_error}",
            "mend the notifier's settings, check them with `pawsonalize notifications test`, then"
            " run `pawsonalize notifications retry`",
        )


def problems(patient: Patient) -> Iterator[Diagnosis]:
    """The current problems."""
    standing = patient.adapters.problems(patient.settings).standing(patient.now)
    for problem in standing:
        yield attention(
            f"problem: {problem.name}", f"{problem.message} (since {iso(problem.since)})"
        )
    if not standing:
        yield Diagnosis("problems", "none stands")


OF_THE_MACHINE: tuple[MachineCheck, ...] = (
    versions,
    settings_given,
    folder,
    shared_data,
    disk,
    notifiers,
)
OF_THE_SERVICE: tuple[ServiceCheck, ...] = (
    database,
    damage,
    database_file,
    read_replica,
    servers,
    disk_forecast,
    engine,
    campaigns_there,
    events_sent,
    erasures_there,
    events,
    event_types,
    unknown_fields,
    streams,
    dead_letters,
    feeds,
    animals,
    events_and_answers,
    campaigns,
    models,
    model_age,
    refresh,
    trainings,
    last_retraining,
    schedules,
    keys,
    clock,
    deliveries,
    problems,
)
SLOW = frozenset(
    {
        damage,
        database_file,
        servers,
        disk_forecast,
        campaigns_there,
        events,
        event_types,
        models,
    }
)
"""Checks that wait, or read all of something."""


def examine(settings: Settings, now: int) -> Iterator[Diagnosis]:
    """The findings of every check. A check that cannot be done says so, and the others go on."""
    for of_the_machine in OF_THE_MACHINE:
        yield from of_the_machine(settings)
    try:
        with opened(settings, must_exist=True) as adapters:
            for of_the_service in OF_THE_SERVICE:
                yield from _done(of_the_service, Patient(settings, adapters, now))
    except PawsonalizeError as error:  # NotFound: there is nothing to look at
        yield attention("database", str(error))


def glance(patient: Patient) -> list[Diagnosis]:
    """What needs attention, by all checks that take no time."""
    quick = [check for check in OF_THE_SERVICE if check not in SLOW]
    return needing_attention(patient, OF_THE_MACHINE, quick)


def needing_attention(
    patient: Patient, of_the_machine: Iterable[MachineCheck], of_the_service: Iterable[ServiceCheck]
) -> list[Diagnosis]:
    """What needs attention by these checks."""
    found = [each for check in of_the_machine for each in check(patient.settings)]
    found += [each for check in of_the_service for each in _done(check, patient)]
    return [one for one in found if one.verdict is Verdict.ATTENTION]


def _done(check: ServiceCheck, patient: Patient) -> list[Diagnosis]:
    try:
        return list(check(patient))
    except PawsonalizeError as error:
        return [attention(check.__name__.replace("_", " "), str(error))]


__all__ = ["Diagnosis", "Patient", "Verdict", "examine", "glance", "needing_attention"]
