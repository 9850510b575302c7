"""The doctor's checks of what is served, how old that is, and what makes it new."""

from collections.abc import Iterator, Sequence

from pawsonalize.app.diagnosis import Diagnosis, Patient, attention
from pawsonalize.domain.errors import CorruptArtefact
from pawsonalize.domain.roles import WORK
from pawsonalize.domain.times import DAY, HOUR, MINUTE, SECOND, iso
from pawsonalize.engine.serving.directory import DirectoryEntry, entries, listed
from pawsonalize.engine.serving.served import RefreshedArtefacts
from pawsonalize.engine.training.retraining.record import RunOutcome
from pawsonalize.engine.training.retraining.schedule import read_schedule
from pawsonalize.kinds.campaigns import Campaign
from pawsonalize.kinds.defaults import DATASET_GROUP, RECOMMENDER, RERANKER
from pawsonalize.kinds.solutions import Solution, SolutionVersion
from pawsonalize.kinds.status import Status
from pawsonalize.wings.fleet.fleet import servers_of
from pawsonalize.wings.fleet.server_table import ServerProcess

_OLD_DAYS = 14
_LATE = HOUR  # a retraining waits for another one, and for the start of a server
_BEHIND = 10 * MINUTE
_REFRESHES = 5  # that may be late one after the other

_FAILED = (RunOutcome.FAILED, RunOutcome.TIMED_OUT)


def campaigns(patient: Patient) -> Iterator[Diagnosis]:
    """What each campaign serves, and as of when it knows the log."""
    found = entries(patient.adapters.registry)
    for entry in found:
        campaign, name = entry.campaign, f"campaign {entry.name}"
        if campaign.heading_for is None:
            yield _in_training(patient, entry) or _without_model(entry, found)
            continue
        update = campaign.latest_update
        if update is not None and update.status is Status.CREATE_FAILED:
            yield attention(
                name,
                f"{update.solution_version} could not be served: {update.failure_reason}",
                "train again with `pawsonalize train`",
            )
        yield Diagnosis(name, _serves(patient, campaign, campaign.heading_for))


def _in_training(patient: Patient, entry: DirectoryEntry) -> Diagnosis | None:
    """What is being done about a model that is not live yet; None if nothing is."""
    for record in patient.adapters.runs(patient.settings).newest(1):
        if record.ended_at is None and any(one.campaign == entry.name for one in record.halves):
            told = f"no model is live yet: {record.run_id} trains one"
            return Diagnosis(f"campaign {entry.name}", told)
    return None


def _without_model(entry: DirectoryEntry, found: Sequence[DirectoryEntry]) -> Diagnosis:
    name = f"campaign {entry.name}"
    if entry.name == RERANKER:
        return Diagnosis(name, f"no model is live: that of {RECOMMENDER} ranks")
    if entry.dataset_group != DATASET_GROUP:
        move = f"run `pawsonalize train --dataset-group {entry.dataset_group}`"
        return attention(name, "no model is live", move)
    if serving := [one for one in found if one.serves]:
        named = listed(f"{one.name} of dataset group {one.dataset_group}" for one in serving)
        return Diagnosis(name, f"no model is live; these answer: {named}")
    return attention(name, "no model is live", "run `pawsonalize train`")


def _serves(patient: Patient, campaign: Campaign, version_name: str) -> str:
    doing = "is about to serve" if campaign.pending else "serves"
    version = patient.adapters.registry.find(SolutionVersion, version_name)
    if version is None:
        return f"{doing} {version_name}"
    text = f"{doing} {version_name}, trained as of {iso(version.as_of)}"
    refresh = RefreshedArtefacts(patient.adapters.artefacts).newest(version_name)
    if refresh is not None:
        text += f", counts refreshed as of {iso(refresh.cut.as_of)}"
    return text


def last_retraining(patient: Patient) -> Iterator[Diagnosis]:
    """How the newest retraining ended."""
    for record in patient.adapters.runs(patient.settings).newest(1):
        text = f"{record.run_id} is {record.status}"
        if record.outcome in _FAILED:
            move = f"look at it with `pawsonalize runs show {record.run_id}`"
            yield attention("retraining", f"{text}: {record.reason}", move)
        else:
            yield Diagnosis("retraining", text)


def trainings(patient: Patient) -> Iterator[Diagnosis]:
    """Solutions whose newest training failed."""
    for solution in patient.adapters.registry.all(Solution):
        newest = patient.adapters.registry.page(SolutionVersion, 1, parent=solution.name)
        for version in newest:
            if version.status is Status.CREATE_FAILED:
                yield attention(
                    f"solution {solution.name}",
                    f"its newest training failed: {version.name}: {version.failure_reason}",
                    f"mend the reason, then run `pawsonalize train --solution {solution.name}`",
                )


def models(patient: Patient) -> Iterator[Diagnosis]:
    """Whether what is served can be read, and is what was written."""
    for entry in entries(patient.adapters.registry):
        version = _served(patient, entry.campaign)
        if version is None or version.artefact is None:
            continue
        try:
            patient.adapters.artefacts.load(version.artefact)
        except CorruptArtefact as error:
            yield attention(
                f"model of {entry.name}",
                error.message,
                "servers that have it loaded go on; bring the model back from a backup, run"
                f" `pawsonalize campaigns rollback {entry.name}`, or train anew",
            )


def model_age(patient: Patient) -> Iterator[Diagnosis]:
    """Whether what is served was trained lately."""
    for entry in entries(patient.adapters.registry):
        version = _served(patient, entry.campaign)
        if version is None:
            continue
        days = (patient.now - version.as_of) // DAY
        if days < _OLD_DAYS:
            continue
        move = "see `pawsonalize runs ls` for why none replaced it, or run `pawsonalize retrain`"
        if not patient.settings.retrain_schedule.strip():
            move = "set retrain_schedule, or run `pawsonalize retrain`"
        yield attention(f"model of {entry.name}", f"it was trained {days:,} days ago", move)


def refresh(patient: Patient) -> Iterator[Diagnosis]:
    """Whether the counts of what is served follow new events."""
    seconds = patient.settings.refresh_seconds
    if not seconds:
        yield Diagnosis("refresh", "off: counts are as new as the training (refresh_seconds is 0)")
        return
    head, newest = patient.adapters.log.head(), RefreshedArtefacts(patient.adapters.artefacts)
    works = bool(_workers(patient))
    is_well = True
    for entry in entries(patient.adapters.registry):
        version = _served(patient, entry.campaign)
        if version is None:
            continue
        counts = newest.newest(version.name)
        cut = version.cut if counts is None else counts.cut
        waiting = patient.adapters.log.read(cut.log_offset, head, 1)
        if not waiting:
            continue
        late = patient.now - waiting[0].event.received_at
        if works and late > max(_BEHIND, _REFRESHES * seconds * SECOND):
            is_well = False
            yield attention(
                "refresh",
                f"the counts of {entry.name} lack {head - cut.log_offset:,} events, the first from"
                f" {iso(waiting[0].event.received_at)}",
                "look at the log of the server whose roles have `work`, and start it again",
            )
    if is_well:
        yield Diagnosis("refresh", f"counts follow new events every {seconds:g} s")


def schedules(patient: Patient) -> Iterator[Diagnosis]:
    """Whether the retraining that was due began."""
    settings = patient.settings
    schedule = read_schedule(settings.retrain_schedule, settings.retrain_time_zone)
    if schedule is None:
        yield Diagnosis(
            "schedule",
            "no retraining is scheduled",
            next_move="set retrain_schedule, or run `pawsonalize retrain` every day",
        )
        return
    told = f"retrains at {settings.retrain_schedule} ({settings.retrain_time_zone})"
    due = schedule.latest(patient.now)
    workers = _workers(patient)
    if due is None or patient.now - due < _LATE or not workers:
        yield Diagnosis("schedule", told)
        return
    began = [one.started_at for one in patient.adapters.runs(settings).newest(1)]
    awake = min(one.started_at for one in workers) < due
    if awake and max(began, default=0) < due:
        yield attention(
            "schedule",
            f"{told}, and what was due {iso(due)} did not begin",
            "see that retrain_here is true on a server whose roles have `work`, or run"
            " `pawsonalize retrain`",
        )
    else:
        yield Diagnosis("schedule", told)


def _served(patient: Patient, campaign: Campaign) -> SolutionVersion | None:
    name = campaign.solution_version or campaign.heading_for
    return None if name is None else patient.adapters.registry.find(SolutionVersion, name)


def _workers(patient: Patient) -> list[ServerProcess]:
    """Servers that do background work, as far as they have not said goodbye."""
    return [one for one in servers_of(patient.adapters).table.all() if WORK in one.roles]
