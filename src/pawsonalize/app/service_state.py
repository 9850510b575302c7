"""State of a service on one screen: servers, freshness, models, and what needs attention."""

import msgspec

from pawsonalize import __version__
from pawsonalize.app.adapters import Adapters
from pawsonalize.app.checks import CheckedService, CheckPlace, Diagnosis, examine, needing_attention
from pawsonalize.app.doctor import checks, newest_event_at
from pawsonalize.app.model_checks import models_in_use
from pawsonalize.core.times import iso
from pawsonalize.core.work.heartbeats import HEARTBEAT_SECONDS

_WAIT_SECONDS = 2 * HEARTBEAT_SECONDS  # each living server counts up at least once meanwhile


class ServerHere(msgspec.Struct, frozen=True, rename="camel"):
    """A server's process that lives, or of which that is not sure yet."""

    place: str
    roles: tuple[str, ...]
    version: str
    since: str
    lives: bool | None


class CampaignModel(msgspec.Struct, frozen=True, rename="camel"):
    """A campaign and its version; the moments are ISO 8601, None where there is none."""

    campaign: str
    dataset_group: str
    solution_version: str | None
    serves: bool
    """True if a server loaded it; if not, the first one that starts does."""
    remote: str | None = None
    """Name of the version at Amazon Personalize, if that trained it and answers."""
    trained_as_of: str | None = None
    counts_as_of: str | None = None


class NewestRetraining(msgspec.Struct, frozen=True, rename="camel"):
    """End of the newest retraining; `reason` has a sentence for each campaign."""

    run: str
    status: str
    started_at: str
    reason: str


class ServiceState(msgspec.Struct, frozen=True, rename="camel"):
    """All of it, as of a moment. `attention` is what the doctor's quick checks found."""

    version: str
    as_of: str
    data_folder: str
    database: str
    engine: str
    """The engine that trains and answers."""
    servers: tuple[ServerHere, ...]
    events: int
    newest_event_at: str | None
    animals: int
    models: tuple[CampaignModel, ...]
    last_retraining: NewestRetraining | None
    schedule: str
    attention: tuple[Diagnosis, ...]


def service_state(adapters: Adapters, now: int) -> ServiceState:
    """Return the state now; takes some seconds, to see which servers' heartbeats go on."""
    settings, newest = adapters.settings, newest_event_at(adapters.log)
    service = CheckedService(adapters, now)
    schedule = settings.retrain_schedule.strip()
    newest_runs = [
        NewestRetraining(one.run_id, one.status, iso(one.started_at), one.reason)
        for one in adapters.runs.newest(1)
    ]
    return ServiceState(
        version=__version__,
        as_of=iso(now),
        data_folder=str(settings.data_dir.absolute()),
        database=adapters.database.shown_url,
        engine=adapters.engine,
        servers=_servers(adapters),
        events=adapters.log.head() - adapters.log.forgotten_through(),
        newest_event_at=None if newest is None else iso(newest),
        animals=sum(adapters.availability.count(now).values()),
        models=tuple(_models(adapters)),
        last_retraining=next(iter(newest_runs), None),
        schedule=f"{schedule} ({settings.retrain_time_zone})" if schedule else "",
        attention=tuple(needing_attention(examine(checks(), service, CheckPlace.STATUS))),
    )


def _servers(adapters: Adapters) -> tuple[ServerHere, ...]:
    states = adapters.servers.watch(longest=_WAIT_SECONDS)
    found = [(one.server, one.lives) for one in states if one.lives is not False]
    return tuple(
        ServerHere(one.place, one.roles, one.version, iso(one.started_at), lives)
        for one, lives in found
        if not one.is_background
    )


def _models(adapters: Adapters) -> list[CampaignModel]:
    return [
        CampaignModel(
            campaign=one.entry.name,
            dataset_group=one.entry.dataset_group,
            solution_version=one.name,
            serves=one.entry.serves,
            remote=None if one.version is None else one.version.remote,
            trained_as_of=None if one.version is None else iso(one.version.as_of),
            counts_as_of=None if one.counts is None else iso(one.counts.cut.as_of),
        )
        for one in sorted(models_in_use(adapters), key=lambda one: one.entry.age)
    ]
