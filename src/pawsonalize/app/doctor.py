"""`pawsonalize doctor`: every check of the service, and those of the settings and the data."""

import platform
import sqlite3
from collections.abc import Iterator

from pawsonalize import __version__
from pawsonalize.app import access_checks, disk_forecast, intake_checks, model_checks
from pawsonalize.app.adapters import opened
from pawsonalize.app.checks import (
    EVERYWHERE,
    IN_DOCTOR,
    Check,
    CheckedService,
    CheckPlace,
    Diagnosis,
    attention,
    examine,
    fine,
)
from pawsonalize.app.shared_data import kept_here
from pawsonalize.archive.objects import open_objects
from pawsonalize.domain.errors import PawsonalizeError
from pawsonalize.domain.times import iso
from pawsonalize.settings import Settings, read_settings
from pawsonalize.storage.data_folder import check_data_folder, is_data_folder, wrong_rights
from pawsonalize.wing import added


def database(service: CheckedService) -> Iterator[Diagnosis]:
    """Name the database, and the reason if it takes no writes."""
    looked_at = service.adapters.database
    yield fine(looked_at.shown_url)
    if (reason := looked_at.why_not_writable()) is not None:
        yield attention(reason, "until then events are refused with 503")


def damage(service: CheckedService) -> Iterator[Diagnosis]:
    """Find damage in the database's file."""
    if (found := service.adapters.database.damage()) is not None:
        yield attention(found)


def animals(service: CheckedService) -> Iterator[Diagnosis]:
    """Count available animals, and the groups that are described."""
    waiting = sum(service.adapters.availability.count(service.now).values())
    groups = service.adapters.catalogue.item_count()
    yield fine(f"{waiting:,} available animals, {groups:,} groups in the items")


def versions(_settings: Settings) -> Iterator[Diagnosis]:
    """Name the versions of the service, Python and the libraries."""
    yield fine(
        f"Pawsonalize {__version__}, Python {platform.python_version()},"
        f" SQLite {sqlite3.sqlite_version}"
    )


def settings_in_force(_settings: Settings) -> Iterator[Diagnosis]:
    """List the settings, where each is set, and names without effect."""
    _, written = read_settings()
    file = "no config file" if written.file is None else str(written.file.absolute())
    sources = ", ".join(f"{name} (from {source})" for name, source in written.sources.items())
    yield fine(f"{file}; given: {sources or 'none'}")
    for note in written.notes:
        yield fine(note)
    for warning in written.warnings:
        yield attention(warning)


def folder(settings: Settings) -> Iterator[Diagnosis]:
    """Check the data folder and its rights."""
    path = settings.data_dir.absolute()
    try:
        check_data_folder(path)
    except PawsonalizeError as error:
        yield attention(error.message)
        return
    wrong = next(wrong_rights(path, settings.data_access), None) if is_data_folder(path) else None
    if wrong is not None and wrong[0] == path.resolve():
        reason = "others may read it" if wrong[1] & ~wrong[2] else "its group may not use it"
        move = "`pawsonalize doctor --mend-rights` changes what is ours in it, and lists that"
        yield attention(f"{path} has the mode {wrong[1]:o}: {reason}", move)
    elif path.is_dir():
        yield fine(str(path))
    else:
        yield attention(
            f"there is no folder {path}",
            "name the right one with --data-dir or PAWSONALIZE_DATA_DIR, or fill a new one with"
            " `pawsonalize import` or `pawsonalize demo`",
        )


def shared_data(settings: Settings) -> Iterator[Diagnosis]:
    """Check the place of shared models, and name what only this machine has."""
    if not settings.artefact_url:
        return
    try:
        next(iter(open_objects(settings.artefact_url, hurried=True).list("models")), None)
        yield fine(settings.artefact_url)
    except PawsonalizeError as error:
        yield attention(f"{settings.artefact_url}: {error}")
    for message, next_move in kept_here(settings):
        yield attention(message, next_move)


def problems(service: CheckedService) -> Iterator[Diagnosis]:
    """List the current problems."""
    standing = service.adapters.problems(service.settings).standing(service.now)
    for problem in standing:
        yield attention(
            f"{problem.message} (since {iso(problem.since)})", about=f"problem: {problem.name}"
        )
    if not standing:
        yield fine("none stands")


MAIN_CHECKS = (
    Check("versions", versions, is_of_machine=True),
    Check("settings", settings_in_force, is_of_machine=True),
    Check("data folder", folder, EVERYWHERE, is_of_machine=True),
    Check("shared data", shared_data, is_of_machine=True),
    Check("database", database),
    Check("database", damage, IN_DOCTOR, is_slow=True),
    Check("animals", animals),
    *disk_forecast.CHECKS,
    *intake_checks.CHECKS,
    *model_checks.CHECKS,
    *access_checks.CHECKS,
    Check("problems", problems, EVERYWHERE),
)


def checks() -> tuple[Check, ...]:
    """Return every check, those of the wings too."""
    return (*MAIN_CHECKS, *added("checks"))


def examine_all(settings: Settings, now: int) -> Iterator[Diagnosis]:
    """Yield the findings of every check; those of data only if there are any to open."""
    found = checks()
    of_machine = [check for check in found if check.is_of_machine]
    of_data = [check for check in found if not check.is_of_machine]
    yield from examine(of_machine, settings, CheckPlace.DOCTOR)
    try:
        with opened(settings, must_exist=True) as adapters:
            yield from examine(of_data, CheckedService(settings, adapters, now), CheckPlace.DOCTOR)
    except PawsonalizeError as error:  # NotFound: there is nothing to look at
        yield attention(str(error), about="database")
