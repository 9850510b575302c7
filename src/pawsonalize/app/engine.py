"""The engine of one server process: its parts, its background tasks, and the plugins' start."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from typing import Any

from pawsonalize.app.adapters import Adapters
from pawsonalize.app.background import (
    LOOK_SECONDS,
    UPKEEP_SECONDS,
    Reporting,
    Task,
    at_the_moment,
    attempt,
    when_nobody_works,
)
from pawsonalize.app.fleet import servers_of, taking_part
from pawsonalize.app.ports import REFUSALS
from pawsonalize.app.serving import ServingParts
from pawsonalize.app.tenants import make_ingest, make_tenants
from pawsonalize.app.training import TrainingParts, outcomes_processes
from pawsonalize.app.upkeep import UpkeepParts
from pawsonalize.core import clock
from pawsonalize.core.errors import NotReady
from pawsonalize.core.logs import get_logger
from pawsonalize.core.plugin import Plugin, broken_plugins, parts
from pawsonalize.core.roles import SERVE, WORK
from pawsonalize.models.recipes.catalogue import broken_recipes
from pawsonalize.operations.admission import Admission
from pawsonalize.operations.limits import HeavyReads, Rates
from pawsonalize.operations.services import Services
from pawsonalize.train.retraining.runs import Trigger

log = get_logger()

_PROBLEM_SECONDS = 5.0
_USES_SECONDS = 30.0


class Engine:
    """The parts that answer, take events in, train and keep the tables in order."""

    def __init__(self, adapters: Adapters) -> None:
        """Put the parts together; nothing runs yet."""
        settings = adapters.settings
        self.settings, self.adapters = settings, adapters
        self.problems = adapters.problems
        self.serving = ServingParts(adapters)
        self.training = TrainingParts(adapters, self.serving)
        self.upkeep = UpkeepParts(adapters, self.serving.filterings, self.problems)
        self.ingest = make_ingest(adapters)
        self.intake = adapters.intake
        self.refusals = REFUSALS(adapters)
        self.servers = servers_of(adapters)
        self.admission = Admission(
            adapters.access_keys,
            Rates(settings.browser_rate, settings.key_rate, clock.real_now, settings.workers),
            clock.real_now,
            required=settings.requires_keys,
            names=settings.host_names,
        )
        self.tenants = make_tenants(adapters)
        self.outcomes = outcomes_processes(adapters)
        self.page_reads = HeavyReads(share=0.01)

    def taking_part(self) -> AbstractContextManager[None]:
        """Show this process in the list of servers, with heartbeats, while the block runs."""
        roles, served = self.settings.own_roles, self.serving.served
        return taking_part(self.adapters, roles, self.servers, served)

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
        notify = when_nobody_works(settings, self.servers, at_the_moment(self.problems.look))
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


def start_plugins(adapters: Adapters, services: Services, stack: ExitStack) -> SharedObjects:
    """Start the plugins; `stack` ends them. Returns what each shares.

    One of another distribution that does not start becomes a problem, and the rest runs.
    """
    for broken in (*broken_plugins(), *broken_recipes()):
        log.error("left out", name=broken.name, of=broken.distribution, reason=broken.reason)
    shared = SharedObjects()

    def begin(plugin: Plugin, start: Callable[..., Any]) -> None:
        found = start(adapters, services)
        has_end = isinstance(found, AbstractContextManager)
        shared[plugin.name] = stack.enter_context(found) if has_end else found

    for plugin, start in parts("started"):
        if plugin.package:
            name = f"start the plugin {plugin.name}"
            attempt(name, partial(begin, plugin, start), Reporting(adapters.problems, name))
        else:
            begin(plugin, start)
    return shared


def plugin_tasks(adapters: Adapters, services: Services, shared: Mapping[str, Any]) -> list[Task]:
    """Return the background tasks of the plugins that started; `shared` is what they returned."""
    return [
        task
        for plugin, tasks in parts("tasks")
        if not plugin.started or plugin.name in shared
        for task in tasks(adapters, services, shared.get(plugin.name))
    ]
