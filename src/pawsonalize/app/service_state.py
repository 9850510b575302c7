"""The state of a service on one screen: who runs, how fresh it is, what serves, what to look at."""

import time
from collections.abc import Callable

import msgspec

from pawsonalize import __version__
from pawsonalize.app.adapters import Adapters
from pawsonalize.app.doctor import Diagnosis, Patient, glance
from pawsonalize.domain.times import iso
from pawsonalize.engine.serving.directory import entries
from pawsonalize.engine.serving.served import RefreshedArtefacts
from pawsonalize.engine.training.retraining.record import RunRecord
from pawsonalize.kinds.solutions import SolutionVersion
from pawsonalize.settings import Settings
from pawsonalize.storage.beats import BEAT_SECONDS
from pawsonalize.wings.fleet.fleet import servers_of
from pawsonalize.wings.remote_amazon.checks import engine_name

_WAIT_SECONDS = 2 * BEAT_SECONDS
_LOOK_SECONDS = 0.2


class ServerHere(msgspec.Struct, frozen=True, rename="camel"):
    """A server's process that lives, or of which that is not sure yet."""

    place: str
    roles: tuple[str, ...]
    version: str
    since: str
    lives: bool | None


class CampaignModel(msgspec.Struct, frozen=True, rename="camel"):
    """What a campaign serves; the moments are ISO 8601, None where there is none."""

    campaign: str
    dataset_group: str
    solution_version: str | None
    serves: bool
    """Whether a server loaded it; if not, the first one that starts does."""
    remote: str | None = None
    """What Amazon Personalize calls the version, if that trained it and answers."""
    trained_as_of: str | None = None
    counts_as_of: str | None = None


class NewestRetraining(msgspec.Struct, frozen=True, rename="camel"):
    """How the newest retraining ended; `reason` has a sentence for each campaign."""

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
    """What trains and answers."""
    servers: tuple[ServerHere, ...]
    events: int
    newest_event_at: str | None
    animals: int
    models: tuple[CampaignModel, ...]
    last_retraining: NewestRetraining | None
    schedule: str
    attention: tuple[Diagnosis, ...]


def service_state(
    settings: Settings,
    adapters: Adapters,
    now: int,
    sleep: Callable[[float], object] = time.sleep,
) -> ServiceState:
    """The state now. Takes some seconds if servers run: they live if they count up meanwhile."""
    log = adapters.log
    head = log.head()
    newest = log.read(max(0, head - 1), head, 1)
    records = adapters.runs(settings).newest(1)
    return ServiceState(
        version=__version__,
        as_of=iso(now),
        data_folder=str(settings.data_dir.absolute()),
        database=adapters.database.shown_url,
        engine=engine_name(adapters.remote),
        servers=_servers(adapters, sleep),
        events=head - log.forgotten_through(),
        newest_event_at=iso(newest[0].event.received_at) if newest else None,
        animals=sum(adapters.availability.count(now).values()),
        models=tuple(_models(adapters)),
        last_retraining=_last_retraining(records[0]) if records else None,
        schedule=_schedule(settings),
        attention=tuple(glance(Patient(settings, adapters, now))),
    )


def _schedule(settings: Settings) -> str:
    schedule = settings.retrain_schedule.strip()
    return f"{schedule} ({settings.retrain_time_zone})" if schedule else ""


def _servers(adapters: Adapters, sleep: Callable[[float], object]) -> tuple[ServerHere, ...]:
    servers = servers_of(adapters)
    servers.look()
    waited = 0.0
    while waited < _WAIT_SECONDS and any(one.lives is None for one in servers.states()):
        sleep(_LOOK_SECONDS)
        waited += _LOOK_SECONDS
        servers.look()
    return tuple(
        ServerHere(
            state.server.place,
            state.server.roles,
            state.server.version,
            iso(state.server.started_at),
            state.lives,
        )
        for state in servers.states()
        if state.lives is not False and not state.server.is_beside
    )


def _models(adapters: Adapters) -> list[CampaignModel]:
    updates, found = RefreshedArtefacts(adapters.artefacts), []
    for entry in sorted(entries(adapters.registry), key=lambda one: one.age):
        name = entry.campaign.solution_version or entry.campaign.heading_for
        version = None if name is None else adapters.registry.find(SolutionVersion, name)
        counts = None if version is None else updates.newest(version.name)
        found.append(
            CampaignModel(
                campaign=entry.name,
                dataset_group=entry.dataset_group,
                solution_version=name,
                serves=entry.serves,
                remote=None if version is None else version.remote,
                trained_as_of=None if version is None else iso(version.as_of),
                counts_as_of=None if counts is None else iso(counts.cut.as_of),
            )
        )
    return found


def _last_retraining(record: RunRecord) -> NewestRetraining:
    return NewestRetraining(
        run=record.run_id,
        status=record.status,
        started_at=iso(record.started_at),
        reason=record.reason,
    )
