"""Updates campaigns that follow their solution to its newest version."""

import os

from pawsonalize import clock
from pawsonalize.app.adapters import COMMAND, Adapters
from pawsonalize.domain.times import DAY
from pawsonalize.engine.resources.problems import Problems
from pawsonalize.engine.resources.processes import SideProcess
from pawsonalize.engine.resources.solutions import SolutionVersion
from pawsonalize.engine.serving.served import load_model
from pawsonalize.engine.training.campaigns import Following, Refusal
from pawsonalize.engine.training.evaluating.evidence import gather
from pawsonalize.engine.training.evaluating.lists import has_questions
from pawsonalize.evaluation.gate.decision import decide
from pawsonalize.settings import Settings, as_environment

_JUDGING = "follow latest: asking the gate"
_PAUSE_SECONDS = 10.0  # and how soon a process that died is followed by another


def following(settings: Settings, adapters: Adapters) -> Following:
    """Updates these campaigns, after asking the gate if the settings say so."""
    refusal = _gate(settings, adapters) if settings.campaign_sync_gated else None
    return Following(adapters.registry, adapters.campaigns, adapters.versions, refusal)


def judging_process(settings: Settings) -> SideProcess | None:
    """Starts the process that asks the gate; None if the settings want no gate.

    The gate takes as long as a training, so the server does not do it itself.
    """
    if not settings.campaign_sync_gated:
        return None
    return SideProcess(
        settings.judging_lock,
        _PAUSE_SECONDS,
        (*COMMAND, "follow-latest"),
        {**os.environ, **as_environment(settings)},
        clock.now(),
    )


def tell_how_judging_ended(judging: SideProcess, problems: Problems) -> None:
    """Report that the process failed, until one succeeds: versions wait to be judged."""
    code = judging.exit_code()
    if code:
        message = (
            f"the process that asks the gate ended with exit code {code}: campaigns that follow"
            " their solution stay as they are, and it is tried again; the log of the server has"
            " the reason"
        )
        problems.report(_JUDGING, message, clock.now(), within=DAY)
    elif code == 0:
        problems.clear(_JUDGING, clock.now())


def _gate(settings: Settings, adapters: Adapters) -> Refusal:
    """Ask the gate; versions that it cannot judge pass."""

    def refusal(new: SolutionVersion, live: SolutionVersion | None, now: int) -> str | None:
        if not has_questions(new.recipe):
            return None
        group = adapters.versions.dataset_group(new)
        log, catalogue = adapters.log.of(group), adapters.catalogue.of(group)
        trained = load_model(adapters.artefacts, new)
        decision = decide(gather(log, catalogue, new, live, trained=trained), settings.gate, now)
        return None if decision.promoted else decision.reason

    return refusal
