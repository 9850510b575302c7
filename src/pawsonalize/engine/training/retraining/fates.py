"""The fates of a run's campaigns: each has its own, and together they give the outcome."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import structlog
from msgspec.structs import replace

from pawsonalize.domain.errors import InvalidInput, NotFound, PawsonalizeError, StorageUnavailable
from pawsonalize.engine.training.retraining.record import (
    Fate,
    Half,
    RunOutcome,
    RunRecord,
    Step,
    settled,
)
from pawsonalize.kinds.defaults import DATASET_GROUP

MAX_ERRORS = 5
"""A step that goes wrong for one campaign is tried so often before that campaign has failed."""
PAUSE_SECONDS = 1.0

log = structlog.get_logger()


def attempt_half(half: Half, work: Callable[[Half], Half]) -> Half:
    """The half after the work. An error fails this campaign alone.

    Wrong input is not tried again. If the storage cannot be reached, that is no campaign's fault:
    the error is raised.
    """
    try:
        return work(half)
    except StorageUnavailable:
        raise
    except Exception as error:  # whatever it is, the other campaigns go on
        known = isinstance(error, PawsonalizeError)
        log.warning("failed", campaign=half.campaign, exc_info=None if known else error)
        text = error.message if isinstance(error, PawsonalizeError) else repr(error)
        half = replace(half, errors=(*half.errors, text))
        hopeless = isinstance(error, InvalidInput | NotFound)
        if hopeless or len(half.errors) >= MAX_ERRORS:
            return replace(half, fate=Fate.FAILED, reason=text)
        return half


def conclude(record: RunRecord) -> RunRecord:
    """The record with the outcome of all halves, ready for the notification."""
    fates = {half.fate for half in record.halves}
    order = (Fate.FAILED, Fate.PROMOTED, Fate.NOT_PROMOTED)
    worst = next((fate for fate in order if fate in fates), Fate.SKIPPED)
    return settled(record, RunOutcome(worst.value), _reasons(record, fates), Step.NOTIFY)


def label(half: Half) -> str:
    """The campaign, and its dataset group if that is not the default one."""
    if half.dataset_group in {"", DATASET_GROUP}:
        return half.campaign
    return f"{half.campaign} (dataset group {half.dataset_group})"


def describe_finding(finding: Mapping[str, Any]) -> str:
    """Return the finding's text, with its dataset group unless that is the default one."""
    message = str(finding["message"])
    group = finding.get("dataset_group")
    return message if group is None else f"dataset group {group}: {message}"


def join_names(names: Iterable[str]) -> str:
    """Names in a sentence: one, one and another, or several."""
    *others, last = [*names] or [""]
    return f"{', '.join(others)} and {last}" if others else last


def _reasons(record: RunRecord, fates: set[Fate]) -> str:
    """Each reason once, with its campaigns; reasons for skipping only if all were skipped."""
    about: dict[str, list[str]] = {}
    for half in record.halves:
        if half.fate is not Fate.SKIPPED or fates == {Fate.SKIPPED}:
            about.setdefault(half.reason, []).append(label(half))
    if fates == {Fate.SKIPPED} and len(about) == 1:
        return next(iter(about))
    return " ".join(f"{', '.join(names)}: {reason}" for reason, names in about.items())
