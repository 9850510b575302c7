"""A service whose console has something to say: a week of nights, and a model that stayed back."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from pawsonalize.animals.tables.catalogue import Item
from pawsonalize.app.adapters import Adapters, opened
from pawsonalize.app.settings import Settings
from pawsonalize.core import clock
from pawsonalize.core.times import DAY, HOUR, MINUTE, SECOND, iso
from pawsonalize.models.evaluation.gate import Evidence, LiveEvidence, decide
from pawsonalize.models.evaluation.gate_settings import GateSettings
from pawsonalize.resources.solutions import SolutionVersion
from pawsonalize.train.retraining.runs import (
    Fate,
    Half,
    RunOutcome,
    RunRecord,
    Step,
    StepTiming,
    Trigger,
    as_work,
)
from tests.animal_data import animal
from tests.calibration_data import calibration
from tests.event_data import T0, event
from tests.evidence import compared, evidence
from tests.play_data import PLAYS
from tests.service_data import CATS, DOGS, SETTINGS
from tests.training import train, train_and_serve

HOSTILE = '<img src=x onerror="alert(1)">"&{{ 7 * 7 }}' + "w" * 120
"""Text that breaks pages that trust it."""
_NIGHTS = 8
_STEPS = (
    (Step.CHECK_DATA, 9 * SECOND),
    (Step.CREATE_VERSIONS, SECOND),
    (Step.AWAIT_VERSIONS, 4 * MINUTE),
    (Step.EVALUATE, 6 * MINUTE),
    (Step.UPDATE_CAMPAIGNS, SECOND),
    (Step.AWAIT_CAMPAIGNS, 3 * SECOND),
    (Step.NOTIFY, SECOND),
)
_VISITORS = 40


def make_console_world(folder: Path, *, is_hostile: bool = True, **more: Any) -> Settings:
    """The data folder: two versions, of which the older is served, and their retrainings.

    With `is_hostile`, a problem stands whose text breaks pages that trust it.
    """
    settings = Settings.of(data_dir=folder, **{**SETTINGS, "retrain_schedule": "0 3 * * *"}, **more)
    now, why = clock.now(), f" ({HOSTILE})" if is_hostile else ""
    with opened(settings) as adapters:
        adapters.catalogue.put_items([Item(group, {}) for group in (*CATS, *DOGS)])
        adapters.animals.put(list(_animals(now)), now)
        adapters.log.append(list(_events(now)))
        live = train_and_serve(adapters, now - 2 * DAY).name
        new = train(adapters, now - 9 * HOUR).name
        for name, at_low_places, plays in ((live, 500, ()), (new, 800, PLAYS)):
            rows = calibration(at_low_places)
            adapters.registry.assign(SolutionVersion, name, now, calibration=rows, plays=plays)
        for back in reversed(range(_NIGHTS)):
            record = _night(now, back, live=live, new=new)
            store_run(adapters, record)
        adapters.problems.report(
            "feed orchard-park",
            f"it cannot be read{why}: look at its address in the feeds file",
            now,
        )
    return settings


def store_run(adapters: Adapters, record: RunRecord) -> None:
    """Store a retraining as if it had been worked on."""
    assert adapters.work.add([as_work(record)])


def running_run(now: int) -> RunRecord:
    """A retraining that trains since ten minutes, and had to try a step again."""
    began = now - 10 * MINUTE
    return RunRecord(
        run_id="retrain-running",
        trigger=Trigger.API,
        as_of=began,
        started_at=began,
        step=Step.AWAIT_VERSIONS,
        halves=(
            Half(
                campaign="recommender",
                solution_version="recommender-next",
                solution="recommender",
                training_status="CREATE IN_PROGRESS",
                training_progress="count, 40%",
            ),
        ),
        steps=(
            StepTiming(
                step=Step.CHECK_DATA,
                began_at=began,
                ended_at=began + 9 * SECOND,
                errors=(f"the database was away {HOSTILE}",),
            ),
            StepTiming(step=Step.AWAIT_VERSIONS, began_at=began + 9 * SECOND),
        ),
    )


def _night(now: int, back: int, *, live: str, new: str) -> RunRecord:
    """The retraining of so many nights ago; the newest was not promoted."""
    over = now - HOUR  # the newest that began at three has ended by now
    began = over - (over - 3 * HOUR) % DAY - back * DAY
    gain = (0.05, 0.002, 0.06, 0.004)[back % 4] if back else 0.003
    base = 0.2 + 0.01 * (_NIGHTS - back)
    theirs = compared(gain, theirs=base)
    measured: Evidence = replace(
        evidence(),
        moment=began,
        ndcg_at_5=replace(evidence().ndcg_at_5, mean=base + gain),
        baselines={
            "popularity": compared(base + gain - 0.11, theirs=0.11),
            "repeat own history": compared(base + gain - 0.12, theirs=0.12),
        },
        live=LiveEvidence(live, began - DAY, theirs),
    )
    decision = decide(measured, GateSettings(), began)
    fate = Fate.PROMOTED if decision.promoted else Fate.NOT_PROMOTED
    stamp = iso(began).translate(str.maketrans("", "", "-:."))
    half = Half(
        campaign="recommender",
        solution="recommender",
        solution_version=f"recommender-{stamp}" if back else new,
        live_version=live,
        fate=fate,
        reason=decision.reason,
        training_status="ACTIVE",
        evidence=msgspec.to_builtins(measured),
        decision=msgspec.to_builtins(decision),
        errors=("the bucket did not answer",) if back == 0 else (),
    )
    steps, at = [], began
    for step, lasts in _STEPS:
        if decision.promoted or step not in {Step.UPDATE_CAMPAIGNS, Step.AWAIT_CAMPAIGNS}:
            steps.append(StepTiming(step=step, began_at=at, ended_at=at + lasts))
            at += lasts
    return RunRecord(
        run_id=f"retrain-{stamp}",
        trigger=Trigger.SCHEDULE,
        as_of=began,
        started_at=began,
        step=Step.NOTIFY,
        outcome=RunOutcome(fate.value),
        reason=f"recommender: {decision.reason}",
        ended_at=at,
        halves=(half,),
        steps=tuple(steps),
        findings=(
            {
                "code": "bots",
                "severity": "warning",
                "message": "2 visitors look like bots: they have 3.1% of all events",
                "fix": "keep crawlers from sending events",
            },
        ),
    )


def _animals(now: int) -> Iterator[Any]:
    """Arrivals of half a year; those of rare kinds wait longer."""
    for place in range(120):
        group = (*CATS, *DOGS)[place % 12]
        listed = now - (place * 37 % 175 + 2) * DAY
        wait = (place * 13 % 60 + 5) * (3 if group.startswith("2-Pug") else 1) * DAY
        adopted = listed + wait if listed + wait < now and place % 6 else None
        yield animal(f"c{place}", group, name=f"Animal {place}", listed=listed, adopted=adopted)


def _events(now: int) -> Iterator[Any]:
    for visitor in range(_VISITORS):
        for step, group in enumerate((CATS, DOGS)[visitor % 2][visitor % 3 :: 2] * 2):
            at = now - (visitor % 30 + 1) * DAY + step * MINUTE
            kind = ("view", "view", "favorite", "inquiry", "application", "adoption")[step % 6]
            yield event(
                f"w{visitor} {step}",
                user=f"user {visitor}",
                session=f"session {visitor}",
                item=group,
                at=at - T0,
                event_type=kind,
            )
