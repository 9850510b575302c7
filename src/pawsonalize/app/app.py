"""The service in one process: its parts, its background tasks, and the plugins' start."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from pawsonalize.animals.inventory import AnimalNames
from pawsonalize.app.adapters import Adapters
from pawsonalize.app.checks import CheckedService, CheckPlace, examine, needing_attention
from pawsonalize.app.doctor import checks
from pawsonalize.app.ports import DEMO_SITE, REFUSALS, SITE_ALERTS, SITE_BOARDS, SITE_INQUIRIES
from pawsonalize.app.serving import ServingParts
from pawsonalize.app.tenants import group_of, make_ingest, make_tenants
from pawsonalize.app.training import TrainingParts, outcomes_processes
from pawsonalize.app.upkeep import UpkeepParts
from pawsonalize.aws.arn import Arns
from pawsonalize.aws.services import AwsServices
from pawsonalize.aws.signatures import Signatures
from pawsonalize.core import clock
from pawsonalize.core.cached_lookup import CachedLookup
from pawsonalize.core.errors import NotReady
from pawsonalize.core.logs import get_logger
from pawsonalize.core.plugin import Plugin, broken_plugins, parts
from pawsonalize.core.roles import SERVE, WORK
from pawsonalize.core.times import SECOND
from pawsonalize.core.work.servers import take_part, this_process, when_nobody_works
from pawsonalize.core.work.tasks import (
    LOOK_SECONDS,
    UPKEEP_SECONDS,
    Reporting,
    Task,
    at_the_moment,
    attempt,
)
from pawsonalize.models.recipes.catalogue import broken_recipes
from pawsonalize.operations.admission import Admission
from pawsonalize.operations.limits import HeavyReads, Rates
from pawsonalize.recommend.groups import ActionRecommending
from pawsonalize.reports.exposure_report import available_exposure
from pawsonalize.reports.service_figures import FigureSources, RunFigures, ServiceFigures
from pawsonalize.resources.access_keys import ADOPTION_SITE
from pawsonalize.resources.defaults import RECOMMENDER
from pawsonalize.site.storefront import Storefront
from pawsonalize.train.retraining.runs import Trigger

log = get_logger()

_PROBLEM_SECONDS = 5.0
_USES_SECONDS = 30.0


class App(AwsServices):
    """The service in one process: what answers, takes events in, trains and keeps tables in order.

    Operations and pages find it as `app.state.services`; tasks and plugins get the same object.
    """

    def __init__(self, adapters: Adapters, sources: Mapping[str, str] | None = None) -> None:
        """Put the parts together; nothing runs yet.

        `sources` has the place where each setting was written.
        """
        settings = adapters.settings
        self.settings, self.adapters, self.sources = settings, adapters, sources or {}
        self.now, self.roles = clock.now, settings.own_roles
        self.reads_are_local = adapters.answers_at_once
        self.max_body_bytes = settings.max_body_bytes
        # prometheus_client itself reads this variable when it is imported.
        metrics_dir = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
        self.metrics_dir = Path(metrics_dir) if metrics_dir else None

        self.log, self.catalogue, self.registry = (
            adapters.log,
            adapters.catalogue,
            adapters.registry,
        )
        self.campaigns, self.trainings = adapters.campaigns, adapters.trainings
        self.inventory, self.datasets = adapters.inventory, adapters.datasets
        self.dataset_groups, self.solutions = adapters.dataset_groups, adapters.solutions
        self.versions, self.filters = adapters.versions, adapters.filters
        self.directory, self.audit = adapters.directory, adapters.audit
        self.animal_names = AnimalNames(adapters.animals, adapters.catalogue)
        self.why_not_writable = adapters.database.why_not_writable

        self.problems, self.servers = adapters.problems, adapters.servers
        self.ingest, self.intake = make_ingest(adapters), adapters.intake
        self.refusals = REFUSALS(adapters)
        self.serving = serving = ServingParts(adapters)
        self.group_recommender = serving.group_recommender
        self.animal_recommender = serving.animal_recommender
        self.campaign_models, self.filterings = serving.campaign_models, serving.filterings
        self.action_recommending = ActionRecommending(serving.filterings, serving.impressions)
        self.training = TrainingParts(adapters, serving)
        self.runs, self.queue = self.training.runs, self.training.queue
        self.recommenders = self.training.recommenders
        self.upkeep = UpkeepParts(adapters, serving.filterings, self.problems)
        self.jobs, self.erasing = self.upkeep.jobs, self.upkeep.erasing
        self.attributions = self.upkeep.attributions

        self.outcomes = outcomes_processes(adapters)
        self.reports = HeavyReads(settings.reports_at_once, waiting=2)
        self.page_reads = HeavyReads(share=0.01)
        self.exposure = partial(available_exposure, *adapters.exposed)
        figures = FigureSources(
            adapters.registry,
            partial(RunFigures.of, adapters.runs),
            adapters.animals,
            adapters.deliveries,
            adapters.log,
            adapters.ledger,
        )
        # The tables are read every ten seconds at most, however often servers are scraped.
        self._figures = CachedLookup[None, ServiceFigures](
            lambda _: figures.read(), clock.passed, 10 * SECOND
        )

        self.tenants = make_tenants(adapters)
        self.admission = Admission(
            adapters.access_keys,
            Rates(settings.browser_rate, settings.key_rate, clock.real_now, settings.workers),
            clock.real_now,
            required=settings.requires_keys,
            names=settings.host_names,
        )
        self.arns = Arns(settings.aws_region, settings.aws_account_id)
        self.lists_defaults, self.is_strict = settings.aws_lists_defaults, settings.aws_strict
        self.signatures = None
        if settings.requires_signatures:
            keys, count_use = adapters.access_keys, self.admission.count_use
            self.signatures = Signatures(keys, settings.aws_region, clock.real_now, count_use)
        self.trackers = CachedLookup(adapters.datasets.tracker, clock.passed)
        self.groups = CachedLookup(partial(group_of, adapters.registry), clock.passed)
        self.schemas = CachedLookup(adapters.datasets.schema_of, clock.passed)

    def figures(self) -> ServiceFigures:
        """Return figures of the whole service, as of some seconds ago."""
        return self._figures.find(None)

    def why_not_ready(self) -> str | None:
        """Return the first finding of the checks that `/readyz` shows, if one needs attention."""
        service = CheckedService(self.adapters, clock.now(), self.servers)
        found = needing_attention(examine(checks(), service, CheckPlace.READYZ))
        return f"{found[0].message}. {found[0].next_move}" if found else None

    def storefront(self) -> Storefront:
        """Return what the adoption site's pages need."""
        settings, adapters = self.settings, self.adapters
        found = adapters.access_keys.noted(ADOPTION_SITE) if settings.requires_keys else None
        return Storefront(
            group_recommender=self.group_recommender,
            animal_recommender=self.animal_recommender,
            ingest=self.ingest,
            log=self.log,
            animals=adapters.animals,
            live=self.serving.live[RECOMMENDER],
            now=clock.now,
            demo=DEMO_SITE(self),
            boards=SITE_BOARDS(self),
            alerts=SITE_ALERTS(adapters),
            inquiry_form=SITE_INQUIRIES(settings),
            name="Pawsonalize" if settings.is_demo else settings.site_name,
            page_key=f"{found[0].name}.{found[1]}" if found else None,
            erasing=self.erasing,
        )

    def taking_part(self) -> AbstractContextManager[None]:
        """Show this process in the list of servers, with heartbeats, while the block runs."""
        settings, table = self.settings, self.servers.table
        me = this_process(settings.own_roles, settings.database_connections, settings.port)
        return take_part(me, table, self.problems, self.servers, self.serving.served)

    def catch_up(self) -> None:
        """Do the work that must precede the first answer."""
        first: list[tuple[str, Callable[[], object]]] = [
            ("erase visitors", self.upkeep.erasing.catch_up),
            ("begin data deletion jobs", self.upkeep.deletions.catch_up),
        ]
        if self.settings.has_role(SERVE):
            first += self.serving.before_answers(self.problems)
        for name, work in first:
            attempt(name, work, Reporting(self.problems, name))

    def tasks(self) -> Iterator[Task]:
        """Yield the background tasks of the process, by its roles."""
        settings, adapters = self.settings, self.adapters
        if settings.has_role(SERVE):
            yield from self.serving.tasks(self.problems)
            uses, usage = self.admission.store_uses, self.tenants.usage.store
            yield Task("note when keys were used", _USES_SECONDS, uses)
            yield Task("count what dataset groups use", _USES_SECONDS, usage)
            late = self.tenants.why_late
            yield Task("answer in time", LOOK_SECONDS, raise_if_late, look=late)
        if settings.has_role(WORK):
            yield from self.training.tasks()
            yield from self.upkeep.tasks()
        yield Task("forget removed models", UPKEEP_SECONDS, adapters.artefacts.forget_removed)
        yield Task("look at refusals", _PROBLEM_SECONDS, at_the_moment(self.intake.look))
        # That nobody works is a problem as well.
        look = at_the_moment(self.problems.look)
        notify = when_nobody_works(self.servers, look, works=settings.has_role(WORK))
        yield Task("tell problems", _PROBLEM_SECONDS, notify)

    def start_retraining(self) -> None:
        """Begin a run from the site; Conflict while another one runs."""
        self.training.runs.begin(Trigger.SITE, clock.now())

    def close(self) -> None:
        """Finish what was accepted; running workers give their run back."""
        self.upkeep.stop()  # before anything is waited for: its work ends meanwhile
        self.training.close()
        self.upkeep.close()
        self.outcomes.close()
        self.page_reads.close()
        self.ingest.close()
        if self.refusals is not None:
            self.refusals.close()
        self.serving.close()
        # What was counted since the last round would be lost.
        attempt("count what dataset groups use", self.tenants.usage.store)


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
        found = start(app.adapters, app)
        has_end = isinstance(found, AbstractContextManager)
        shared[plugin.name] = stack.enter_context(found) if has_end else found

    for plugin, start in parts("started"):
        if plugin.package:
            name = f"start the plugin {plugin.name}"
            attempt(name, partial(begin, plugin, start), Reporting(app.problems, name))
        else:
            begin(plugin, start)
    return shared


def plugin_tasks(app: App, shared: Mapping[str, Any]) -> list[Task]:
    """Return the background tasks of the plugins that started; `shared` is what they returned."""
    return [
        task
        for plugin, tasks in parts("tasks")
        if not plugin.started or plugin.name in shared
        for task in tasks(app.adapters, app, shared.get(plugin.name))
    ]
