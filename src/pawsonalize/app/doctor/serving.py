"""Checks of what is served, and of the work behind it."""

from collections.abc import Iterator, Sequence

from pawsonalize.app.doctor.finding import Diagnosis, Patient, attention
from pawsonalize.domain.times import iso
from pawsonalize.engine.resources.campaigns import Campaign
from pawsonalize.engine.resources.defaults import DATASET_GROUP, RECOMMENDER, RERANKER
from pawsonalize.engine.resources.solutions import Solution, SolutionVersion
from pawsonalize.engine.resources.status import Status
from pawsonalize.engine.serving.directory import DirectoryEntry, entries, listed
from pawsonalize.engine.serving.served import RefreshedArtefacts
from pawsonalize.engine.training.retraining.record import RunOutcome

_FAILED = (RunOutcome.FAILED, RunOutcome.TIMED_OUT)


def campaigns(patient: Patient) -> Iterator[Diagnosis]:
    """What each campaign serves, and as of when it knows the log."""
    found = entries(patient.adapters.registry)
    for entry in found:
        campaign, name = entry.campaign, f"campaign {entry.name}"
        if campaign.heading_for is None:
            yield _without_model(entry, found)
            continue
        update = campaign.latest_update
        if update is not None and update.status is Status.CREATE_FAILED:
            yield attention(
                name,
                f"{update.solution_version} could not be served: {update.failure_reason}",
                "train again with `pawsonalize train`",
            )
        yield Diagnosis(name, _serves(patient, campaign, campaign.heading_for))


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


def deliveries(patient: Patient) -> Iterator[Diagnosis]:
    """Notifications that did not arrive."""
    failing = [
        one
        for one in patient.adapters.deliveries.newest(100)
        if one.delivered_at is None and one.last_error is not None
    ]
    if failing:
        newest = failing[0]
        yield attention(
            "notifications",
            f"{len(failing)} of the newest did not arrive, the last by {newest.notifier}:"
            f" {newest.last_error}",
            "mend the notifier's settings, check them with `pawsonalize notifications test`, then"
            " run `pawsonalize notifications retry`",
        )


def problems(patient: Patient) -> Iterator[Diagnosis]:
    """The current problems."""
    standing = patient.adapters.problems(patient.settings).standing(patient.now)
    for problem in standing:
        yield attention(
            f"problem: {problem.name}", f"{problem.message} (since {iso(problem.since)})"
        )
    if not standing:
        yield Diagnosis("problems", "none stands")
