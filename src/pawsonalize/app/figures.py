"""The figures of the whole service, over the adapters."""

from collections import Counter
from functools import partial

from pawsonalize.app.adapters import Adapters
from pawsonalize.engine.reporting.service_figures import FigureSources, RunFigures
from pawsonalize.engine.training.retraining.record import Fate
from pawsonalize.engine.training.retraining.runs import Runs
from pawsonalize.settings import Settings

_NEWEST_RUNS = 200
"""Looked at; more than a run a day is rare, and older ones are deleted."""


def figure_sources(settings: Settings, adapters: Adapters) -> FigureSources:
    """What reads the figures."""
    return FigureSources(
        adapters.registry,
        partial(_run_figures, adapters.runs(settings)),
        adapters.animals,
        adapters.deliveries,
        adapters.log,
        adapters.ledger,
    )


def _run_figures(runs: Runs) -> RunFigures:
    records = runs.newest(_NEWEST_RUNS)
    newest_end: dict[str, int] = {}
    verdicts: dict[tuple[str, str], str] = {}
    for record in records:
        if record.ended_at is not None:
            newest_end.setdefault(record.status, record.ended_at)
        for half in record.halves:
            if half.fate is not Fate.OPEN:
                verdicts.setdefault((half.dataset_group, half.campaign), half.fate.value)
    return RunFigures(
        by_status=Counter(record.status for record in records),
        newest_end=newest_end,
        verdicts=verdicts,
    )
