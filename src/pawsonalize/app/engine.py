"""The engine of one server process: its parts over the adapters, as the doors get them."""

import os
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pawsonalize import clock
from pawsonalize.access.admission import Admission
from pawsonalize.access.limits import Rates, Tenants
from pawsonalize.access.slots import HeavyReads
from pawsonalize.app.adapters import Adapters
from pawsonalize.app.attempts import attempt
from pawsonalize.app.figures import figure_sources
from pawsonalize.app.fleet import servers_of, taking_part, this_process
from pawsonalize.app.jobs import background_jobs, metric_attributions
from pawsonalize.app.serving import (
    available_watch,
    individuals,
    live_models,
    postcodes_of,
    runtimes_of,
    trained_or_not,
)
from pawsonalize.app.tenants import fair_order, group_of, ingest_of, tenants_of
from pawsonalize.app.training import (
    first_run,
    following,
    group_timers,
    judging_process,
    outcomes_processes,
    readiness,
    refresh_process,
    timer,
    worker_processes,
)
from pawsonalize.app.upkeep import deletions_of, erasing
from pawsonalize.aws.arn import Arns
from pawsonalize.aws.services import AwsServices
from pawsonalize.aws.signatures import Signatures
from pawsonalize.domain.roles import WORK
from pawsonalize.engine.ingest.events import Ingest
from pawsonalize.engine.ingest.inventory import AnimalNames, Inventory
from pawsonalize.engine.ingest.refusals import Intake, RefusalSink
from pawsonalize.engine.reporting.exposure_report import available_exposure
from pawsonalize.engine.reporting.metric_attributions import MetricAttributions
from pawsonalize.engine.reporting.outcomes_process import OutcomesProcesses
from pawsonalize.engine.serving.actions import ActionRecommending
from pawsonalize.engine.serving.animals.available_watch import (
    AvailableAnimalsWatch,
    InventorySearch,
)
from pawsonalize.engine.serving.animals.eligibility import Postcodes
from pawsonalize.engine.serving.animals.ranking import Individuals
from pawsonalize.engine.serving.campaigns import Runtimes
from pawsonalize.engine.serving.filtering import Filterings
from pawsonalize.engine.serving.impressions import ImpressionLog
from pawsonalize.engine.serving.items import AvailabilityWatch
from pawsonalize.engine.serving.live_model import LiveModel
from pawsonalize.engine.serving.recommender import Runtime
from pawsonalize.engine.training.campaigns import Following, Recommenders
from pawsonalize.engine.training.queue import AutomaticTraining, TrainingQueue
from pawsonalize.engine.training.refresh import TrainedOrNot
from pawsonalize.engine.training.retraining.record import Trigger
from pawsonalize.engine.training.retraining.runs import FirstRun, GroupTimers, Runs, Timer
from pawsonalize.engine.training.retraining.worker import WorkerProcesses
from pawsonalize.engine.upkeep.archiver import Archiver
from pawsonalize.engine.upkeep.deletions import Deletions
from pawsonalize.engine.upkeep.erasing import Erasing
from pawsonalize.http.metrics import RecentFigures
from pawsonalize.http.services import Services
from pawsonalize.kinds.access_keys import ADOPTION_SITE
from pawsonalize.kinds.cached_lookup import CachedLookup
from pawsonalize.kinds.defaults import DATASET_GROUP, RECOMMENDER, RERANKER
from pawsonalize.kinds.job_table import JobTable
from pawsonalize.kinds.leases import SideProcess
from pawsonalize.kinds.problems import Problems
from pawsonalize.kinds.solutions import SolutionVersion
from pawsonalize.settings import Settings
from pawsonalize.storage.servers import Membership, Servers
from pawsonalize.ui.storefront import Learning, Storefront
from pawsonalize.wing import offered


@dataclass(frozen=True, slots=True)
class Engine:
    """The parts that answer, take events in and follow the tables.

    `live` has each campaign's live model, by its name. `timer` is None without a schedule,
    `refreshing` without incremental updates, `first_run` if other servers retrain.
    """

    live: dict[str, LiveModel]
    recommending: TrainedOrNot
    impressions: ImpressionLog
    ingest: Ingest
    refusals: RefusalSink | None
    intake: Intake
    availability: AvailabilityWatch
    filterings: Filterings
    available: AvailableAnimalsWatch
    postcodes: Postcodes
    runtime: Runtime
    individuals: Individuals
    runtimes: Runtimes
    runs: Runs
    timer: Timer | None
    group_timers: GroupTimers
    first_run: FirstRun | None
    workers: WorkerProcesses
    refreshing: SideProcess | None
    queue: TrainingQueue
    automatic: AutomaticTraining
    following: Following
    judging: SideProcess | None
    archiver: Archiver
    erasing: Erasing
    deletions: Deletions
    tidying: ThreadPoolExecutor
    stopping: threading.Event
    jobs: JobTable
    recommenders: Recommenders
    attributions: MetricAttributions
    working: ThreadPoolExecutor
    problems: Problems
    servers: Servers
    membership: Membership
    admission: Admission
    tenants: Tenants
    outcomes: OutcomesProcesses
    page_reads: HeavyReads

    @classmethod
    def of(cls, settings: Settings, adapters: Adapters) -> "Engine":
        """The parts, put together; nothing runs yet."""
        live = live_models(settings, adapters)
        impressions = ImpressionLog(adapters.impressions)
        availability = AvailabilityWatch(adapters.availability)
        filterings = Filterings(adapters.log, adapters.catalogue)
        postcodes = postcodes_of(settings)
        available = available_watch(adapters, postcodes)
        recommending = trained_or_not(settings, adapters, live[RECOMMENDER])
        runtime = Runtime(
            adapters.log,
            recommending,
            impressions,
            live.get(RERANKER),
            availability,
            filterings.of(DATASET_GROUP),
            adapters.catalogue,
        )
        runs = adapters.runs(settings)
        stopping = threading.Event()
        queue = TrainingQueue(
            adapters.registry,
            adapters.trainings,
            settings.trainings_at_once if settings.has_role(WORK) else 0,
            fair_order(adapters, SolutionVersion.kind),
        )
        jobs = background_jobs(settings, adapters, filterings)
        ingest = ingest_of(settings, adapters)
        intake = adapters.intake(settings)
        ordering = individuals(settings, adapters, runtime, available, impressions)
        servers = servers_of(adapters)
        return cls(
            live=live,
            recommending=recommending,
            impressions=impressions,
            ingest=ingest,
            refusals=offered("refusals", settings, adapters),
            intake=intake,
            availability=availability,
            filterings=filterings,
            available=available,
            postcodes=postcodes,
            runtime=runtime,
            individuals=ordering,
            runtimes=runtimes_of(settings, adapters, live, impressions, availability, filterings),
            runs=runs,
            timer=timer(settings, runs),
            group_timers=group_timers(settings, adapters, runs),
            first_run=first_run(
                settings, runs, adapters.log, readiness(settings, adapters, live[RECOMMENDER])
            ),
            workers=worker_processes(settings, adapters),
            queue=queue,
            automatic=AutomaticTraining(
                adapters.registry,
                adapters.versions,
                adapters.log,
                retrains=bool(settings.retrain_schedule.strip()),
            ),
            following=following(settings, adapters),
            judging=judging_process(settings, adapters),
            refreshing=refresh_process(settings, adapters),
            archiver=adapters.archiver,
            erasing=erasing(settings, adapters),
            deletions=deletions_of(settings, adapters),
            tidying=ThreadPoolExecutor(1, thread_name_prefix="upkeep"),
            stopping=stopping,
            jobs=jobs,
            attributions=metric_attributions(settings, adapters),
            recommenders=Recommenders(
                adapters.registry, adapters.versions, adapters.campaigns, queue
            ),
            working=ThreadPoolExecutor(len(jobs.workers) + 1, thread_name_prefix="jobs"),
            problems=adapters.problems(settings),
            servers=servers,
            membership=this_process(settings, adapters, settings.own_roles),
            admission=_admission(settings, adapters),
            tenants=tenants_of(settings, adapters),
            outcomes=outcomes_processes(settings, adapters),
            page_reads=HeavyReads(share=0.01),
        )

    def services(
        self, settings: Settings, adapters: Adapters, sources: Mapping[str, str] | None = None
    ) -> Services:
        """What the native API's endpoints need; `sources` says where settings were written."""
        return Services(
            log=adapters.log,
            inventory=Inventory(adapters.animals),
            catalogue=adapters.catalogue,
            ingest=self.ingest,
            runtime=self.runtime,
            individuals=self.individuals,
            directory=adapters.directory(settings),
            runtimes=self.runtimes,
            runs=self.runs,
            outcomes=self.outcomes,
            reports=HeavyReads(settings.reports_at_once, waiting=2),
            exposure=partial(available_exposure, *adapters.exposed),
            page_reads=self.page_reads,
            registry=adapters.registry,
            datasets=adapters.datasets,
            dataset_groups=adapters.dataset_groups,
            solutions=adapters.solutions,
            versions=adapters.versions,
            trainings=adapters.trainings,
            queue=self.queue,
            campaigns=adapters.campaigns,
            jobs=self.jobs,
            filters=adapters.filters,
            filterings=self.filterings,
            erasing=self.erasing,
            problems=self.problems,
            servers=self.servers,
            roles=settings.own_roles,
            audit=adapters.audit,
            figures=RecentFigures(figure_sources(settings, adapters).read, clock.now).get,
            refusals=self.refusals,
            intake=self.intake,
            why_not_writable=adapters.database.why_not_writable,
            now=clock.now,
            reads_are_local=adapters.answers_at_once,
            max_body_bytes=settings.max_body_bytes,
            sources=sources or {},
            metrics_dir=_metrics_dir(),
        )

    def aws_services(self, settings: Settings, adapters: Adapters) -> AwsServices:
        """What the operations of the Personalize API need."""
        signatures = None
        if settings.requires_signatures:
            keys = adapters.access_keys(settings)
            signatures = Signatures(keys, settings.aws_region, clock.now, self.admission.count_use)
        return AwsServices(
            arns=Arns(settings.aws_region, settings.aws_account_id),
            registry=adapters.registry,
            versions=adapters.versions,
            trainings=adapters.trainings,
            queue=self.queue,
            dataset_groups=adapters.dataset_groups,
            solutions=adapters.solutions,
            campaigns=adapters.campaigns,
            datasets=adapters.datasets,
            jobs=self.jobs,
            recommenders=self.recommenders,
            attributions=self.attributions,
            action_recommending=ActionRecommending(adapters.log, self.filterings, self.impressions),
            filters=adapters.filters,
            filterings=self.filterings,
            ingest=self.ingest,
            animal_names=AnimalNames(adapters.animals, adapters.catalogue),
            runtimes=self.runtimes,
            now=clock.now,
            reads_are_local=adapters.answers_at_once,
            max_body_bytes=settings.max_body_bytes,
            signatures=signatures,
            audit=adapters.audit,
            trackers=CachedLookup(adapters.datasets.tracker, clock.now),
            groups=CachedLookup(partial(group_of, adapters.registry), clock.now),
        )

    def storefront(self, settings: Settings, adapters: Adapters) -> Storefront:
        """What the adoption site's pages need."""
        keys = adapters.access_keys(settings) if settings.requires_keys else None
        found = keys.noted(ADOPTION_SITE) if keys else None
        return Storefront(
            runtime=self.runtime,
            individuals=self.individuals,
            search=InventorySearch(adapters.animals, self.available),
            ingest=self.ingest,
            log=adapters.log,
            animals=adapters.animals,
            live=self.live[RECOMMENDER],
            now=clock.now,
            start_training=self.start_retraining
            if settings.demo_site and not settings.requires_keys
            else None,
            learning=Learning(adapters.log, self.runs, self.first_run),
            is_demo=settings.demo_site,
            is_open=settings.demo_site and not settings.requires_keys,
            name="Pawsonalize" if settings.demo_site else settings.site_name,
            page_key=f"{found[0].name}.{found[1]}" if found else None,
            erasing=self.erasing,
        )

    def taking_part(self) -> AbstractContextManager[None]:
        """Be one of the servers while the block runs."""
        self.membership.serves = self._served
        return taking_part(self.membership, self.problems, self.servers)

    def served_models(self) -> list[LiveModel]:
        """The live models of this process that serve a version.

        A default campaign that serves nothing is no fault of its model: following it has failed
        then.
        """
        ready = [live for live in self.live.values() if live.is_ready]
        return [*ready, *self.runtimes.live_models()]

    def _served(self) -> dict[str, str]:
        ready = (one for one in self.served_models() if one.is_ready)
        return {one.name: one.current.version.name for one in ready}

    def start_retraining(self) -> None:
        """Begin a run from the site; Conflict while another one runs."""
        self.runs.begin(Trigger.SITE, clock.now())

    def close(self) -> None:
        """Finish what was accepted; running workers give their run back."""
        self.stopping.set()
        self.jobs.stopping.set()
        self.erasing.stop()
        self.workers.stop()
        for process in (self.refreshing, self.judging):
            if process is not None:
                process.stop()
        self.tidying.shutdown(cancel_futures=True)
        self.working.shutdown(cancel_futures=True)
        self.outcomes.close()
        self.page_reads.close()
        self.runtimes.close()
        self.ingest.close()
        if self.refusals is not None:
            self.refusals.close()
        self.impressions.close()
        attempt("count what dataset groups use", self.tenants.usage.store)


def _metrics_dir() -> Path | None:
    """Return where worker processes leave their metrics; None for a single process."""
    # prometheus_client itself reads this variable when it is imported.
    named = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    return Path(named) if named else None


def _admission(settings: Settings, adapters: Adapters) -> Admission:
    return Admission(
        adapters.access_keys(settings),
        Rates(settings.browser_rate, settings.key_rate, clock.now, settings.workers),
        clock.now,
        required=settings.requires_keys,
        names=settings.host_names,
    )
