"""Processes beside the server: refreshes of counts, the gate for campaigns, and reports."""

import os
import sys
from collections.abc import Callable

from pawsonalize import clock
from pawsonalize.app.adapters import COMMAND, Adapters
from pawsonalize.app.retraining import gate
from pawsonalize.domain.times import DAY
from pawsonalize.engine.reporting.outcomes_process import OutcomesProcesses
from pawsonalize.engine.training.campaigns import Following
from pawsonalize.engine.training.refresh import refresh_served, report_death
from pawsonalize.http.metrics import count_refresh
from pawsonalize.kinds.problems import Problems
from pawsonalize.kinds.side_process import SideProcess
from pawsonalize.settings import Settings, as_environment

REPORT_COMMAND = (sys.executable, "-m", "pawsonalize.cli.report_outcomes")
FAILED = 1
"""Exit code of a process that reported itself what it could not refresh."""
_JUDGING = "follow latest: asking the gate"
_JUDGING_PAUSE_SECONDS = 10.0  # and how soon a process that died is followed by another


def refresh_process(settings: Settings, adapters: Adapters) -> SideProcess | None:
    """Starts the process of incremental updates; None if the settings turn them off."""
    seconds = settings.refresh_seconds
    return _process(settings, adapters, seconds, "refresh") if seconds else None


def judging_process(settings: Settings, adapters: Adapters) -> SideProcess | None:
    """Starts the process that asks the gate; None if the settings want no gate.

    The gate takes as long as a training, so the server does not do it itself.
    """
    if not settings.campaign_sync_gated:
        return None
    return _process(settings, adapters, _JUDGING_PAUSE_SECONDS, "follow-latest")


def outcomes_processes(settings: Settings, adapters: Adapters) -> OutcomesProcesses:
    """Starts a process for each outcomes report."""
    return OutcomesProcesses(REPORT_COMMAND, _environment(settings), adapters.log.head)


def following(settings: Settings, adapters: Adapters) -> Following:
    """Updates campaigns that follow, after asking the gate if the settings say so."""
    refusal = gate(settings, adapters).refusal if settings.campaign_sync_gated else None
    return Following(adapters.registry, adapters.campaigns, adapters.versions, refusal)


def refresh_counts(adapters: Adapters, problems: Problems) -> bool:
    """Count new events for every served version, in this process; whether all went well."""
    return refresh_served(adapters.refresher, adapters.registry, problems, clock.now)


def refresh_when_due(
    refreshing: SideProcess, problems: Problems, is_behind: Callable[[], bool]
) -> None:
    """Begin a refresh if one is due and there is something to count."""
    is_due = refreshing.is_due(clock.now())
    code = refreshing.exit_code()
    if code is not None:
        count_refresh({0: "succeeded", FAILED: "failed"}.get(code, "died"))
    if code is not None and code not in {0, FAILED}:
        report_death(problems, code, clock.now())
    if is_due and is_behind():
        refreshing.start()
    elif is_due:
        refreshing.let_go()


def follow_latest(following: Following, judging: SideProcess | None, problems: Problems) -> None:
    """Update the campaigns that follow their solution, or begin to ask the gate about them."""
    if judging is None:
        following.look_after(clock.now())
        return
    is_due = judging.is_due(clock.now())
    tell_how_judging_ended(judging, problems)
    if is_due and following.is_behind():
        judging.start()
    elif is_due:
        judging.let_go()


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


def _process(settings: Settings, adapters: Adapters, pause: float, command: str) -> SideProcess:
    command_line = (*COMMAND, command)
    return SideProcess(adapters.leases, pause, command_line, _environment(settings), clock.now())


def _environment(settings: Settings) -> dict[str, str]:
    return {**os.environ, **as_environment(settings)}
