"""From judgements to a report: intervals, leads, slices, calibration."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from pawsonalize.engine.training.evaluating.holdout import Holdout
from pawsonalize.engine.training.evaluating.report import (
    Measured,
    RankerReport,
    SliceReport,
    SplitReport,
)
from pawsonalize.engine.training.evaluating.slicing import slices_of
from pawsonalize.evaluation.bootstrap import intervals, paired_differences
from pawsonalize.evaluation.calibration import Calibration, calibration
from pawsonalize.evaluation.judging import Judgement
from pawsonalize.evaluation.metrics.catalogue import METRICS
from pawsonalize.evaluation.slices import Slice

SHUFFLED = "shuffled order"


def measure(
    holdout: Holdout, judged: Mapping[str, Judgement], control: Judgement, seed: int
) -> SplitReport:
    """The report of a hold-out; `judged` is the recipe first, then the baselines."""
    recipe = next(iter(judged))
    targets = np.concatenate(holdout.targets)
    values = {name: judgement.values() for name, judgement in judged.items()}
    values[SHUFFLED] = control.values()
    measured = _measured(values, seed)
    n_items = len(holdout.training.item_ids)

    def report(name: str, judgement: Judgement) -> RankerReport:
        ours, theirs = values[recipe], values[name]
        leads = () if name == recipe else paired_differences(ours, theirs, seed)
        lead = dict(zip(METRICS, leads, strict=False))
        return RankerReport(name, measured[name], judgement.coverage(n_items), lead)

    return SplitReport(
        split=holdout.name,
        moment=holdout.training.as_of,
        training_events=len(holdout.training),
        candidates=n_items,
        questions=len(holdout.targets),
        targets=len(targets),
        repeated=_repeated(holdout),
        missing=float((targets < 0).mean()),
        rankers=tuple(report(name, judgement) for name, judgement in judged.items()),
        shuffled_order=report(SHUFFLED, control),
        slices=tuple(_sliced(part, judged, seed) for part in slices_of(holdout)),
        calibration=_calibration(holdout, judged[recipe]),
    )


def _measured(values: Mapping[str, NDArray[np.float64]], seed: int) -> dict[str, Measured]:
    """Intervals of every ranker's metrics, all from the same draws of users."""
    found = iter(intervals(np.hstack(list(values.values())), seed))
    return {name: {metric: next(found) for metric in METRICS} for name in values}


def _sliced(part: Slice, judged: Mapping[str, Judgement], seed: int) -> SliceReport:
    values = {name: judgement.values(part.targets) for name, judgement in judged.items()}
    questions = len(next(iter(values.values())))
    return SliceReport(part.kind, part.value, questions, _measured(values, seed))


def _repeated(holdout: Holdout) -> float:
    split, item = holdout.split, holdout.data.item
    spans = zip(split.start, split.cut, holdout.target_items, strict=True)
    known = [np.isin(wanted, item[start:cut]) for start, cut, wanted in spans]
    return float(np.concatenate(known).mean())


def _calibration(holdout: Holdout, judgement: Judgement) -> Calibration:
    """Of the 25 best of every question: was it the very next choice, as often as its score?"""
    happened = [
        best == wanted[0] for best, wanted in zip(judgement.best, holdout.targets, strict=True)
    ]
    return calibration(np.concatenate(judgement.best_scores), np.concatenate(happened))
