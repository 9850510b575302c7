"""Retrainings as the console shows them: what was decided, why, and how each step went."""

from collections.abc import Mapping

import msgspec


class StepReport(msgspec.Struct, frozen=True, rename="camel"):
    """One step of a retraining, done, going on, or yet to come.

    `errors` are those after which it was tried again; times are null before they are known.
    """

    step: str
    title: str
    state: str
    """`done`, `running` or `to come`; `left out` in a run that ended before it."""
    began_at: str | None
    ended_at: str | None
    seconds: float | None
    """How long it took, or goes on already."""
    errors: tuple[str, ...] = ()


class RuleReport(msgspec.Struct, frozen=True):
    """A rule of the gate: its outcome, a sentence with its numbers, and the numbers alone."""

    rule: str
    outcome: str
    message: str
    numbers: Mapping[str, float]


class CampaignVerdict(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """What became of one campaign in a retraining, and why, with the numbers."""

    campaign: str
    fate: str
    reason: str


class CampaignReport(CampaignVerdict, frozen=True, rename="camel", kw_only=True):
    """What a retraining did for one campaign.

    The NDCG@5 are of the same held-out visitors, null where they were not measured: that of the new
    version, of popularity, and of the version that was live.
    """

    dataset_group: str
    solution: str
    solution_version: str | None
    live_version: str | None
    training: str
    """The state of the training, and how far it is."""
    errors: tuple[str, ...]
    test_cases: int | None
    ndcg_at5: float | None
    popularity_ndcg_at5: float | None
    live_ndcg_at5: float | None
    rules: tuple[RuleReport, ...]


class RunSummary(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """A retraining in one line."""

    run_id: str
    status: str
    """`running`, or how it ended."""
    trigger: str
    started_at: str
    ended_at: str | None
    seconds: float
    """How long it took, or goes on already."""
    verdict: str
    """What became of it, in one sentence."""
    reason: str
    """Why, of all campaigns together; empty while it runs."""
    campaigns: tuple[CampaignVerdict, ...]

    @property
    def is_running(self) -> bool:
        """Whether it goes on."""
        return self.ended_at is None


class RunReport(RunSummary, frozen=True, rename="camel", kw_only=True):
    """All of one retraining.

    `about` says what it is of. `left_out` are campaigns that ask for no retraining, with the
    reason; `findings` are what the checks of the data found, each with its fix.
    """

    about: str
    as_of: str
    steps: tuple[StepReport, ...]
    campaigns: tuple[CampaignReport, ...]
    findings: tuple["DataFinding", ...]
    left_out: Mapping[str, str]


class DataFinding(msgspec.Struct, frozen=True, rename="camel"):
    """What a check of the data found before a training, and how that is mended."""

    severity: str
    message: str
    fix: str


def summary_of(report: RunReport) -> RunSummary:
    """The report in one line."""
    return msgspec.convert(report, RunSummary, from_attributes=True)
