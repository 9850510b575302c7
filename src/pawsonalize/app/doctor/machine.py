"""Checks of what the settings name on this machine; none opens the database."""

import platform
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from pawsonalize import __version__
from pawsonalize.app.adapters import open_notifiers
from pawsonalize.app.doctor.finding import Diagnosis, attention
from pawsonalize.domain.errors import PawsonalizeError
from pawsonalize.settings import Settings, read_settings

_MEGABYTE = 1_000_000
_LITTLE_SPACE = 500 * _MEGABYTE


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
    if path.is_dir():
        yield Diagnosis("data folder", str(path))
    else:
        yield attention(
            "data folder",
            f"there is no folder {path}",
            "name the right one with --data-dir or PAWSONALIZE_DATA_DIR, or fill a new one with"
            " `pawsonalize import` or `pawsonalize demo`",
        )


def disk(settings: Settings) -> Iterator[Diagnosis]:
    """The space that is left where the data are."""
    usage = shutil.disk_usage(_existing(settings.data_dir.absolute()))
    free = f"{usage.free / _MEGABYTE:,.0f} MB of {usage.total / _MEGABYTE:,.0f} MB are free"
    if usage.free < _LITTLE_SPACE:
        yield attention("disk", free, "free some space: when it is full, events are refused")
    else:
        yield Diagnosis("disk", free)


def notifiers(settings: Settings) -> Iterator[Diagnosis]:
    """Who is notified."""
    try:
        names = [name for name in open_notifiers(settings) if name != "log"]
    except PawsonalizeError as error:
        yield attention("notifiers", error.message)
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
    return next(one for one in (path, *path.parents) if one.exists())
