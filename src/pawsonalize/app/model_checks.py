"""Checks of served models: their age, calibration and files, and the work that renews them."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from pawsonalize.app import checks
from pawsonalize.app.adapters import Adapters
from pawsonalize.app.settings import read_settings
from pawsonalize.core.errors import CorruptArtefact
from pawsonalize.core.roles import WORK
from pawsonalize.core.times import DAY, HOUR, MINUTE, SECOND, iso
from pawsonalize.core.work.servers import ServerProcess
from pawsonalize.models.calibration import MARGIN, Calibration, find_off
from pawsonalize.recommend.campaigns import DirectoryEntry, entries, list_names
from pawsonalize.recommend.live_model import RefreshedArtefacts, RefreshedCounts
from pawsonalize.reports.personalisation.health import read_health
from pawsonalize.reports.personalisation.rules import PersonalisationHealth
from pawsonalize.resources.campaigns import Campaign
from pawsonalize.resources.defaults import DATASET_GROUP, RECOMMENDER, RERANKER
from pawsonalize.resources.kind import Status
from pawsonalize.resources.solutions import Cut, Solution, SolutionVersion
from pawsonalize.train.retraining.runs import RunOutcome
from pawsonalize.train.retraining.schedule import read_schedule

_OLD_DAYS = 14
_LATE = HOUR  # a retraining waits for another one, and for the start of a server
_BEHIND = 10 * MINUTE
_REFRESHES = 5  # that may be late one after the other

_FAILED = (RunOutcome.FAILED, RunOutcome.TIMED_OUT)


class ModelInUse(msgspec.Struct, frozen=True):
    """A campaign, its version (live, or the first to come), and its newest refreshed counts."""

    entry: DirectoryEntry
    name: str | None
    version: SolutionVersion | None
    counts: RefreshedCounts | None

    @property
    def cut(self) -> Cut | None:
        """The part of the log that the model, or its refreshed counts, have seen."""
        newest = self.counts or self.version
        return None if newest is None else newest.cut


def models_in_use(
    adapters: Adapters, among: Iterable[DirectoryEntry] | None = None
) -> Iterator[ModelInUse]:
    """Yield the campaigns, all or `among` them, with the model of each."""
    refreshed = RefreshedArtefacts(adapters.artefacts)
    for entry in entries(adapters.registry) if among is None else among:
        name = entry.campaign.solution_version or entry.campaign.target_version
        version = None if name is None else adapters.registry.find(SolutionVersion, name)
        counts = None if version is None else refreshed.newest(version.name)
        yield ModelInUse(entry, name, version, counts)


def personalisation_health(adapters: Adapters, now: int) -> PersonalisationHealth:
    """Judge personalisation by the live log of the default dataset group, and by the settings."""
    warnings = read_settings()[1].warnings
    return read_health(adapters, now, warnings, adapters.settings.checks)


def campaigns(service: checks.CheckedService) -> Iterator[checks.Diagnosis]:
    """Name the version that each campaign serves, and the age of its counts."""
    found = entries(service.adapters.registry)
    for entry in found:
        campaign, name = entry.campaign, f"campaign {entry.name}"
        update = campaign.latest_update
        if update is not None and update.status is Status.CREATE_FAILED:
            yield checks.attention(
                f"{update.solution_version} could not be served: {update.failure_reason}",
                "train again with `pawsonalize train`",
                about=name,
            )
        if campaign.target_version is None:
            yield _in_training(service, entry) or _report_no_model(entry, found)
            continue
        yield checks.fine(_serves(service, campaign, campaign.target_version), about=name)


def _in_training(service: checks.CheckedService, entry: DirectoryEntry) -> checks.Diagnosis | None:
    """Name the retraining that trains a campaign's first model; None without one."""
    for record in service.adapters.runs.newest(1):
        if record.ended_at is None and any(one.campaign == entry.name for one in record.halves):
            text = f"no model is live yet: {record.run_id} trains one"
            return checks.fine(text, about=f"campaign {entry.name}")
    return None


def _report_no_model(entry: DirectoryEntry, every: Sequence[DirectoryEntry]) -> checks.Diagnosis:
    """Say who answers for a campaign without a model, among `every` campaign."""
    name = f"campaign {entry.name}"
    if entry.name == RERANKER:
        return checks.fine(f"no model is live: that of {RECOMMENDER} ranks", about=name)
    if entry.dataset_group != DATASET_GROUP:
        move = f"run `pawsonalize train --dataset-group {entry.dataset_group}`"
        return checks.attention("no model is live", move, about=name)
    if serving := [one for one in every if one.serves]:
        named = list_names(f"{one.name} of dataset group {one.dataset_group}" for one in serving)
        return checks.fine(f"no model is live; these answer: {named}", about=name)
    return checks.attention("no model is live", "run `pawsonalize train`", about=name)


def _serves(service: checks.CheckedService, campaign: Campaign, version_name: str) -> str:
    doing = "is about to serve" if campaign.pending else "serves"
    version = service.adapters.registry.find(SolutionVersion, version_name)
    if version is None:
        return f"{doing} {version_name}"
    text = f"{doing} {version_name}, trained as of {iso(version.as_of)}"
    refresh = RefreshedArtefacts(service.adapters.artefacts).newest(version_name)
    if refresh is not None:
        text += f", counts refreshed as of {iso(refresh.cut.as_of)}"
    return text


def last_retraining(service: checks.CheckedService) -> Iterator[checks.Diagnosis]:
    """Report how the newest retraining ended."""
    for record in service.adapters.runs.newest(1):
        text = f"{record.run_id} is {record.status}"
        if record.outcome in _FAILED:
            move = f"look at it with `pawsonalize runs show {record.run_id}`"
            yield checks.attention(f"{text}: {record.reason}", move)
        else:
            yield checks.fine(text)


def trainings(service: checks.CheckedService) -> Iterator[checks.Diagnosis]:
    """Find solutions whose newest training failed."""
    for solution in service.adapters.registry.all(Solution):
        newest = service.adapters.registry.page(SolutionVersion, 1, parent=solution.name)
        for version in newest:
            if version.status is Status.CREATE_FAILED:
                yield checks.attention(
                    f"its newest training failed: {version.name}: {version.failure_reason}",
                    f"mend the reason, then run `pawsonalize train --solution {solution.name}`",
                    about=f"solution {solution.name}",
                )


def models(service: checks.CheckedService) -> Iterator[checks.Diagnosis]:
    """Find served models whose files are damaged."""
    for one in models_in_use(service.adapters):
        if one.version is None or one.version.artefact is None:
            continue
        try:
            service.adapters.artefacts.load(one.version.artefact)
        except CorruptArtefact as error:
            yield checks.attention(
                error.message,
                "servers that have it loaded go on; bring the model back from a backup, run"
                f" `pawsonalize campaigns rollback {one.entry.name}`, or train anew",
                about=f"model of {one.entry.name}",
            )


def model_age(service: checks.CheckedService) -> Iterator[checks.Diagnosis]:
    """Find served models that are old."""
    for one in models_in_use(service.adapters):
        days = 0 if one.version is None else (service.now - one.version.as_of) // DAY
        if days < _OLD_DAYS:
            continue
        move = "see `pawsonalize runs ls` for why none replaced it, or run `pawsonalize retrain`"
        if not service.settings.retrain_schedule.strip():
            move = "set retrain_schedule, or run `pawsonalize retrain`"
        yield checks.attention(
            f"it was trained {days:,} days ago", move, about=f"model of {one.entry.name}"
        )


def calibration(service: checks.CheckedService) -> Iterator[checks.Diagnosis]:
    """Find served models whose predicted chances of choices are off beyond chance."""
    learned = defaultdict[Calibration, list[str]](list)  # trainings of one log learn the same
    for one in models_in_use(service.adapters):
        if one.version is not None and one.version.calibration:
            learned[one.version.calibration].append(one.entry.name)
    for rows, names in learned.items():
        about, off = f"calibration of {list_names(names)}", find_off(rows)
        for row in off:
            move = f"{row.next_move}; then run `pawsonalize retrain`"
            yield checks.attention(row.sentence, move, about)
        if not off:
            yield checks.fine(f"no more than {MARGIN:.0%} off beyond chance", about=about)


def refresh(service: checks.CheckedService) -> Iterator[checks.Diagnosis]:
    """Find served counts that lack events which came in too long ago."""
    seconds = service.settings.refresh_seconds
    if not seconds:
        yield checks.fine("off: counts are as new as the training (refresh_seconds is 0)")
        return
    log = service.adapters.log
    head = log.head()
    works, run = bool(_workers(service)), service.adapters.runs.running()
    is_well = True
    for one in models_in_use(service.adapters):
        waiting = [] if one.cut is None else log.read(one.cut.log_offset, head, 1)
        if one.cut is None or not waiting:
            continue
        late = service.now - waiting[0].event.received_at
        # Where nobody works nothing can follow, which is a problem of its own.
        if works and late > max(_BEHIND, _REFRESHES * seconds * SECOND):
            is_well = False
            lack = (
                f"the counts of {one.entry.name} lack {head - one.cut.log_offset:,} events, the"
                f" first from {iso(waiting[0].event.received_at)}"
            )
            if run is not None:  # counting has what the run leaves of the machine
                yield checks.fine(
                    f"{lack}: {run.run_id} retrains since {iso(run.started_at)}",
                    f"counts follow when it has ended: `pawsonalize runs show {run.run_id}`",
                )
                continue
            yield checks.attention(
                lack, "look at the log of the server whose roles have `work`, and start it again"
            )
    if is_well:
        yield checks.fine(f"counts follow new events every {seconds:g} s")


def schedules(service: checks.CheckedService) -> Iterator[checks.Diagnosis]:
    """Find a retraining that was due and did not begin."""
    settings = service.settings
    schedule = read_schedule(settings.retrain_schedule, settings.retrain_time_zone)
    if schedule is None:
        yield checks.fine(
            "no retraining is scheduled",
            "set retrain_schedule, or run `pawsonalize retrain` every day",
        )
        return
    text = f"retrains at {settings.retrain_schedule} ({settings.retrain_time_zone})"
    due = schedule(service.now)
    workers = _workers(service)
    if due is None or service.now - due < _LATE or not workers:
        yield checks.fine(text)
        return
    began = [one.started_at for one in service.adapters.runs.newest(1)]
    # Servers that began only after that moment have missed nothing.
    awake = min(one.started_at for one in workers) < due
    if awake and max(began, default=0) < due:
        yield checks.attention(
            f"{text}, and what was due {iso(due)} did not begin",
            "see that retrain_here is true on a server whose roles have `work`, or run"
            " `pawsonalize retrain`",
        )
    else:
        yield checks.fine(text)


def _workers(service: checks.CheckedService) -> list[ServerProcess]:
    """Return the listed servers that do background work; some may have died."""
    return [one for one in service.adapters.servers.table.all() if WORK in one.roles]


CHECKS = (
    checks.Check("campaigns", campaigns, checks.EVERYWHERE),
    checks.Check("models", models, checks.IN_DOCTOR, is_slow=True),
    checks.Check("model age", model_age),
    checks.Check("calibration", calibration, checks.EVERYWHERE),
    checks.Check("refresh", refresh),
    checks.Check("trainings", trainings, checks.EVERYWHERE),
    checks.Check("retraining", last_retraining),
    checks.Check("schedule", schedules),
)
