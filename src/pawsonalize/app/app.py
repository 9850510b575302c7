"""The service in one process: what it is made of, its background tasks, and the plugins' start."""

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from pawsonalize.app.adapters import COMMAND, REPORT_COMMAND, Adapters
from pawsonalize.app.checks import CheckedService, CheckPlace, examine, needing_attention
from pawsonalize.app.doctor import checks
from pawsonalize.app.model_checks import personalisation_health
from pawsonalize.app.ports import DEMO_SITE, REFUSALS, SITE_ALERTS, SITE_BOARDS, SITE_INQUIRIES
from pawsonalize.app.settings import Settings
from pawsonalize.app.upkeep import archive_new, upkeep
from pawsonalize.aws.arn import Arns
from pawsonalize.aws.services import AwsServices
from pawsonalize.aws.signatures import Signatures
from pawsonalize.core import clock
from pawsonalize.core.cached_lookup import CachedLookup
from pawsonalize.core.database.statements import in_time
from pawsonalize.core.errors import NotFound, NotReady
from pawsonalize.core.logs import get_logger
from pawsonalize.core.plugin import Plugin, broken_plugins, parts
from pawsonalize.core.roles import SERVE, WORK
from pawsonalize.core.times import SECOND
from pawsonalize.core.work.processes import SideProcess
from pawsonalize.core.work.servers import take_part, this_process, when_nobody_works
from pawsonalize.core.work.tables import Turns
from pawsonalize.core.work.tasks import (
    HOUSEKEEPING,
    LOOK_SECONDS,
    UPKEEP_SECONDS,
    Reporting,
    Task,
    at_the_moment,
    attempt,
)
from pawsonalize.events.tables.event_log import GroupDays
from pawsonalize.models.recipes.catalogue import broken_recipes
from pawsonalize.operations.admission import Admission
from pawsonalize.operations.limits import HeavyReads, Rates, Tenants, Usage, find_limits
from pawsonalize.recommend.animals.available import AvailabilityWatch
from pawsonalize.recommend.campaigns import CampaignModels, Faults, follow_campaign
from pawsonalize.recommend.exploration import ImpressionLog
from pawsonalize.recommend.groups import ActionRecommending, GroupRecommender
from pawsonalize.recommend.live_model import LiveModel
from pawsonalize.recommend.live_tests import RunningTests
from pawsonalize.reports.exposure_report import available_exposure, report_unjoined
from pawsonalize.reports.metric_attributions import MetricAttributions
from pawsonalize.reports.outcomes_process import OutcomesProcesses
from pawsonalize.reports.personalisation.health import tell_turn
from pawsonalize.reports.service_figures import FigureSources, RunFigures, ServiceFigures
from pawsonalize.resources.access_keys import ADOPTION_SITE
from pawsonalize.resources.defaults import DATASET_GROUP, RECOMMENDER, RERANKER
from pawsonalize.resources.kind import Resource
from pawsonalize.resources.registry import Registry
from pawsonalize.resources.solutions import SolutionVersion
from pawsonalize.site.storefront import Storefront
from pawsonalize.train.campaigns import Recommenders, report_judging_end
from pawsonalize.train.refresh import TrainedOrNot, newest_cut, report_refresh_end
from pawsonalize.train.retraining.runs import (
    RETRAINING,
    TICKS,
    FirstRun,
    GroupTimers,
    Timer,
    Trigger,
)
from pawsonalize.train.retraining.schedule import read_schedule
from pawsonalize.train.trainings import AutomaticTraining, TrainingQueue

log = get_logger()

_FOLLOW_SECONDS = 0.5  # so that a rollback is everywhere within a second
_JOB_SECONDS = 0.5
_CHOICES_SECONDS = 3.0
_SHOWN_SECONDS = 5.0
_PROBLEM_SECONDS = 5.0
_JUDGING_PAUSE_SECONDS = 10.0  # and how soon a process that died is followed by another
_LOST_SECONDS = 30.0
_USES_SECONDS = 30.0
_SIZES_SECONDS = 30.0
_REPORT_SECONDS = 60.0
_JOINED_SECONDS = 600.0
_HEALTH_SECONDS = 6 * 3600.0


class App(AwsServices, Adapters):
    """The service in one process: what answers, takes events in, trains and keeps tables in order.

    Operations and pages find it as `app.state.services`; tasks and plugins get the same object.
    """

    def __init__(self, settings: Settings, sources: Mapping[str, str] | None = None) -> None:
        """Open what the settings name, and put the parts together; nothing runs yet.

        `sources` has the place where each setting was written.
        """
        super().__init__(settings)
        self.sources = sources or {}
        self.now, self.roles = clock.now, settings.own_roles
        self.reads_are_local = self.answers_at_once
        self.max_body_bytes = settings.max_body_bytes
        # prometheus_client itself reads this variable when it is imported.
        metrics_dir = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
        self.metrics_dir = Path(metrics_dir) if metrics_dir else None
        self.why_not_writable = self.database.why_not_writable
        self.refusals = REFUSALS(self)
        self._build_recommend()
        self._build_train()
        self._build_jobs()
        self._build_reports()
        self._build_operations()
        self._build_aws()

    def _build_recommend(self) -> None:
        self.live = self.live_models()
        self.impression_log = ImpressionLog(self.impressions)
        self.available = self.watch_available()
        availability = AvailabilityWatch(self.availability, self.available)
        counts = self.untrained(self.serving_settings)
        self.recommending = TrainedOrNot(self.live[RECOMMENDER], counts)
        self.running_tests = RunningTests()
        self.group_recommender = GroupRecommender(
            self.filterings.of(DATASET_GROUP),
            self.recommending,
            self.impression_log,
            self.live.get(RERANKER),
            availability,
            tests=self.running_tests,
        )
        self.animal_recommender = self.recommend_animals(
            self.group_recommender, self.available, self.impression_log
        )
        self.campaign_models = CampaignModels(
            self.registry,
            self.impression_log,
            self.live_model,
            pinned=self.live,
            availability=availability,
            filterings=self.filterings,
            tests=self.running_tests,
            now=clock.now,
            limit=self.settings.max_loaded_campaigns,
        )
        self.action_recommending = ActionRecommending(self.filterings, self.impression_log)

    def _build_train(self) -> None:
        settings, registry = self.settings, self.registry
        self._workers = self.worker_processes()
        self.queue = TrainingQueue(
            registry,
            self.trainings,
            settings.trainings_at_once if settings.has_role(WORK) else 0,
            Turns(self.database, SolutionVersion.kind),
        )
        self._automatic = AutomaticTraining(
            registry, self.versions, self.log, retrains=bool(settings.retrain_schedule.strip())
        )
        self.recommenders = Recommenders(registry, self.versions, self.campaigns, self.queue)
        self._judging = self._refreshing = None
        # The gate takes as long as a training, so the server does not do it itself.
        if settings.campaign_sync_gated:
            self._judging = self._side_process(_JUDGING_PAUSE_SECONDS, "follow-latest")
        if settings.refresh_seconds:
            self._refreshing = self._side_process(settings.refresh_seconds, "refresh")
        # None without a schedule; the first run is also None if other servers retrain.
        schedule = read_schedule(settings.retrain_schedule, settings.retrain_time_zone)
        self._timer = None if schedule is None else Timer(self.runs, schedule, clock.now())
        self._group_timers = GroupTimers(
            self.runs,
            registry,
            Turns(self.database, TICKS),
            Turns(self.database, RETRAINING),
            lambda text: read_schedule(text, settings.retrain_time_zone),
        )
        self.first_run = None
        if settings.retrain_here and schedule is not None:
            least = settings.check_min_events
            self.first_run = FirstRun(self.runs, self.log, self._is_live, least, clock.now())

    def _side_process(self, pause: float, command: str) -> SideProcess:
        arguments = (*COMMAND, command)
        return SideProcess(self.leases, pause, arguments, self.environment, clock.real_now())

    def _build_jobs(self) -> None:
        self._stopping = threading.Event()
        self._tidying = ThreadPoolExecutor(1, thread_name_prefix="upkeep")
        self._job_kinds = [kind for kind in self.jobs.kinds if kind.perform is not None]
        threads = len(self._job_kinds) + 1
        self._working = ThreadPoolExecutor(threads, thread_name_prefix="jobs")

    def _build_reports(self) -> None:
        self.outcomes = OutcomesProcesses(REPORT_COMMAND, self.environment, self.log.head)
        self.reports = HeavyReads(self.settings.reports_at_once, waiting=2)
        self.page_reads = HeavyReads(share=0.01)
        self.exposure = partial(available_exposure, self.inventory, self.exposures)
        runs = partial(RunFigures.of, self.runs)
        figures = FigureSources(
            *(self.registry, runs, self.animals, self.deliveries, self.log, self.ledger)
        )
        # The tables are read every ten seconds at most, however often servers are scraped.
        self._figures = CachedLookup[None, ServiceFigures](
            lambda _: figures.read(), clock.passed, 10 * SECOND
        )
        self.attributions = MetricAttributions(
            *(self.registry, self.log, self.catalogue, self.impressions, self.job_outputs),
            self.settings.attribution_seconds,
        )

    def _build_operations(self) -> None:
        settings = self.settings
        self.tenants = Tenants(
            partial(find_limits, self.registry),
            Usage(GroupDays(self.database), clock.now),
            clock.real_now,
            settings.workers,
            reads_are_local=self.reads_are_local,
            idle=0 if self.remote is None else self.remote.most_waiting,
        )
        self.admission = Admission(
            self.access_keys,
            Rates(settings.browser_rate, settings.key_rate, clock.real_now, settings.workers),
            clock.real_now,
            required=settings.requires_keys,
            names=settings.host_names,
        )

    def _build_aws(self) -> None:
        settings = self.settings
        self.arns = Arns(settings.aws_region, settings.aws_account_id)
        self.lists_defaults, self.is_strict = settings.aws_lists_defaults, settings.aws_strict
        self.signatures = None
        if settings.requires_signatures:
            keys, count_use = self.access_keys, self.admission.count_use
            self.signatures = Signatures(keys, settings.aws_region, clock.real_now, count_use)
        self.trackers = CachedLookup(self.datasets.tracker, clock.passed)
        self.groups = CachedLookup(partial(_group_of, self.registry), clock.passed)
        self.schemas = CachedLookup(self.datasets.schema_of, clock.passed)

    def figures(self) -> ServiceFigures:
        """Return figures of the whole service, as of some seconds ago."""
        return self._figures.find(None)

    def why_not_ready(self) -> str | None:
        """Return the first finding of the checks that `/readyz` shows, if one needs attention."""
        service = CheckedService(self, clock.now(), self.servers)
        found = needing_attention(examine(checks(), service, CheckPlace.READYZ))
        return f"{found[0].message}. {found[0].next_move}" if found else None

    def storefront(self) -> Storefront:
        """Return what the adoption site's pages need."""
        settings = self.settings
        found = self.access_keys.noted(ADOPTION_SITE) if settings.requires_keys else None
        return Storefront(
            group_recommender=self.group_recommender,
            animal_recommender=self.animal_recommender,
            ingest=self.ingest,
            log=self.log,
            animals=self.animals,
            live=self.live[RECOMMENDER],
            now=clock.now,
            demo=DEMO_SITE(self),
            boards=SITE_BOARDS(self),
            alerts=SITE_ALERTS(self),
            inquiry_form=SITE_INQUIRIES(settings),
            name="Pawsonalize" if settings.is_demo else settings.site_name,
            page_key=f"{found[0].name}.{found[1]}" if found else None,
            erasing=self.erasing,
        )

    def taking_part(self) -> AbstractContextManager[None]:
        """Show this process in the list of servers, with heartbeats, while the block runs."""
        settings, table = self.settings, self.servers.table
        me = this_process(settings.own_roles, settings.database_connections, settings.port)
        return take_part(me, table, self.problems, self.servers, self._served)

    def _models(self) -> list[LiveModel]:
        """Return the live models of this process that serve a version."""
        # A default campaign that serves nothing is no fault of its model: following it has failed
        # then.
        ready = [live for live in self.live.values() if live.is_ready]
        return [*ready, *self.campaign_models.live_models()]

    def _served(self) -> dict[str, str]:
        """Return the solution version of each campaign that is loaded."""
        return {one.name: one.current.version.name for one in self._models() if one.is_ready}

    def catch_up(self) -> None:
        """Do the work that must precede the first answer."""
        first: list[tuple[str, Callable[[], object]]] = [
            ("erase visitors", self.erasing.catch_up),
            ("begin data deletion jobs", self.deletions.catch_up),
        ]
        if self.settings.has_role(SERVE):
            first += self._before_answers()
        for name, work in first:
            attempt(name, work, Reporting(self.problems, name))

    def _before_answers(self) -> Iterator[tuple[str, Callable[[], object]]]:
        yield "read the available animals", lambda: self.available.of(clock.now(), clock.now())
        for name, live in self.live.items():
            yield f"follow campaign {name}", partial(follow_campaign, live)
        yield "count until trained", self.recommending.refresh
        yield "report faults", partial(Faults(self.problems).look, self._models)

    def tasks(self) -> Iterator[Task]:
        """Yield the background tasks of the process, by its roles."""
        if self.settings.has_role(SERVE):
            yield from self._serving_tasks()
        if self.settings.has_role(WORK):
            yield from self._training_tasks()
            yield from self._upkeep_tasks()
        yield Task("forget removed models", UPKEEP_SECONDS, self.artefacts.forget_removed)
        yield Task("look at refusals", _PROBLEM_SECONDS, at_the_moment(self.intake.look))
        # That nobody works is a problem as well.
        look, works = at_the_moment(self.problems.look), self.settings.has_role(WORK)
        notify = when_nobody_works(self.servers, look, works=works)
        yield Task("tell problems", _PROBLEM_SECONDS, notify)

    def _serving_tasks(self) -> Iterator[Task]:
        for name, live in self.live.items():
            yield Task(f"follow campaign {name}", _FOLLOW_SECONDS, partial(follow_campaign, live))
        campaign_models, faults = self.campaign_models, Faults(self.problems)
        # Requests wait in the same thread.
        following = in_time(campaign_models.refresh)
        yield Task("follow campaigns", _FOLLOW_SECONDS, following, campaign_models.loading)
        yield Task("count until trained", LOOK_SECONDS, self.recommending.refresh)
        yield Task("report faults", LOOK_SECONDS, partial(faults.look, self._models))
        yield Task("count what was shown", _SHOWN_SECONDS, self.available.count_shown)
        yield Task("log impressions", _LOST_SECONDS, self.impression_log.report_lost)
        yield Task("read metadata", LOOK_SECONDS, at_the_moment(self.filterings.refresh))
        counting = at_the_moment(self.animal_recommender.count_choices)
        yield Task("count choices", _CHOICES_SECONDS, counting)
        yield Task("note when keys were used", _USES_SECONDS, self.admission.store_uses)
        yield Task("count what dataset groups use", _USES_SECONDS, self.tenants.usage.store)
        late = self.tenants.why_late
        yield Task("answer in time", LOOK_SECONDS, raise_if_late, look=late)

    def _training_tasks(self) -> Iterator[Task]:
        yield Task("train when due", LOOK_SECONDS, at_the_moment(self._automatic.look))
        yield Task("look after trainings", LOOK_SECONDS, at_the_moment(self.queue.look_after))
        yield Task("follow latest", LOOK_SECONDS, self._follow_latest)
        recommenders = at_the_moment(self.recommenders.look_after)
        yield Task("look after recommenders", LOOK_SECONDS, recommenders)
        if self._refreshing is not None:
            refresh = partial(self._refresh, self._refreshing)
            yield Task("refresh counts", LOOK_SECONDS, refresh)
        if self.settings.retrain_here:
            # Each alone: a schedule that fails keeps no run from its worker.
            for name, one in (
                ("begin the first retraining", self.first_run),
                ("retrain when due", self._timer),
                ("retrain dataset groups when due", self._group_timers),
                ("look after retrainings", self._workers),
            ):
                if one is not None:
                    yield Task(name, LOOK_SECONDS, at_the_moment(one.look))

    def judge_personalisation(self) -> None:
        """Judge personalisation; people are told when the verdict turns."""
        now = clock.now()
        tell_turn(personalisation_health(self, now), self.problems, now)

    def _upkeep_tasks(self) -> Iterator[Task]:
        # One server alone does some of them.
        once, settings = partial(self.leases.leading, HOUSEKEEPING), self.settings
        for kind in self._job_kinds:
            do = partial(self.jobs.work, kind)
            yield Task(f"do a {kind.resource.kind}", _JOB_SECONDS, do, self._working)
        yield Task("begin data deletion jobs", LOOK_SECONDS, self.deletions.look)
        yield Task("erase visitors", _JOB_SECONDS, once(self.erasing.work), self._working)
        reports = min(settings.attribution_seconds, _REPORT_SECONDS)
        measure = once(at_the_moment(self.attributions.report_due))
        yield Task("report metrics", reports, measure)
        sizing = once(at_the_moment(self.group_sizing.count))
        yield Task("count what dataset groups have", _SIZES_SECONDS, sizing, self._tidying)
        for name, work in upkeep(self, self._stopping.is_set):
            yield Task(name, UPKEEP_SECONDS, once(work), self._tidying)
        unjoined = partial(report_unjoined, self.impressions, self.log, self.problems)
        yield Task("join events to answers", _JOINED_SECONDS, once(at_the_moment(unjoined)))
        yield Task("judge personalisation", _HEALTH_SECONDS, once(self.judge_personalisation))
        archiving = once(partial(archive_new, self.archiver))
        yield Task("archive new", settings.archive_seconds, archiving)

    def _is_live(self) -> bool:
        if self.settings.has_role(SERVE):
            return self.live[RECOMMENDER].is_ready
        found = self.campaigns.find(RECOMMENDER)  # no model is in memory
        return found is not None and found.solution_version is not None

    def _is_behind(self) -> bool:
        """True if events or items are newer than the counts of models, served here or stored."""
        if self.settings.has_role(SERVE):
            newest = newest_cut(self.log, self.catalogue)
            ready = [one for one in self._models() if one.is_ready]
            return any(one.current.cut.lacks(newest) for one in ready)
        return self.refresher.is_behind()

    def _refresh(self, refreshing: SideProcess) -> None:
        ended = partial(report_refresh_end, self.problems)
        refreshing.look(clock.real_now(), self._is_behind, ended)

    def _follow_latest(self) -> None:
        """Update the campaigns that follow their solution, or begin to ask the gate about them."""
        if self._judging is None:
            self.following.look_after(clock.now())
            return
        ended = partial(report_judging_end, self.problems)
        self._judging.look(clock.real_now(), self.following.is_behind, ended)

    def start_retraining(self) -> None:
        """Begin a run from the site; Conflict while another one runs."""
        self.runs.begin(Trigger.SITE, clock.now())

    def close(self) -> None:
        """Finish what was accepted; running workers give their run back."""
        # Told before anything is waited for: this work ends meanwhile.
        self._stopping.set()
        self.jobs.stopping.set()
        self.erasing.stop()
        self._workers.stop()  # another server goes on with their retraining
        for process in (self._refreshing, self._judging):
            if process is not None:
                process.stop()
        for threads in (self._tidying, self._working):
            threads.shutdown(cancel_futures=True)
        self.outcomes.close()
        self.page_reads.close()
        self.ingest.close()
        if self.refusals is not None:
            self.refusals.close()
        self.campaign_models.close()
        self.impression_log.close()
        # What was counted since the last round would be lost.
        attempt("count what dataset groups use", self.tenants.usage.store)


@contextmanager
def opened_app(settings: Settings, sources: Mapping[str, str] | None = None) -> Iterator[App]:
    """Open the service, and let its database go at the end; `App.close` comes before."""
    app = App(settings, sources)
    try:
        yield app
    finally:
        app.release()


def _group_of(registry: Registry, named: tuple[type[Resource], str]) -> str:
    group = registry.group_of_named(*named)
    if group is None:
        raise NotFound(f"there is no {named[0].kind} named {named[1]}")
    return group


def raise_if_late(why: str | None) -> None:
    """Raise NotReady with the reason, if there is one: it stands as a problem then."""
    if why is not None:
        raise NotReady(why)


class SharedObjects(dict[str, Any]):
    """Objects that the plugins share with their operations and pages, by the plugins' names."""

    def __missing__(self, name: str) -> Any:
        raise NotReady(f"the plugin {name} did not start: the log of the server says why")


def start_plugins(app: App, stack: ExitStack) -> SharedObjects:
    """Start the plugins; `stack` ends them. Returns what each shares.

    One of another distribution that does not start becomes a problem, and the rest runs.
    """
    for broken in (*broken_plugins(), *broken_recipes()):
        log.error("left out", name=broken.name, of=broken.distribution, reason=broken.reason)
    shared = SharedObjects()

    def begin(plugin: Plugin, start: Callable[..., Any]) -> None:
        found = start(app, app)
        has_end = isinstance(found, AbstractContextManager)
        shared[plugin.name] = stack.enter_context(found) if has_end else found

    for plugin, start in parts("started"):
        if plugin.package:
            name = f"start the plugin {plugin.name}"
            attempt(name, partial(begin, plugin, start), Reporting(app.problems, name))
        else:
            begin(plugin, start)
    return shared


def plugin_tasks(app: App, shared: Mapping[str, object]) -> list[Task]:
    """Return the background tasks of the plugins that started; `shared` is what they returned."""
    return [
        task
        for plugin, tasks in parts("tasks")
        if not plugin.started or plugin.name in shared
        for task in tasks(app, app, shared.get(plugin.name))
    ]
