"""Pages of the console, which show the same as operations of the API, and the actions there."""

from pawsonalize.app.pages.finding import Finder, FoundHits, find_hits
from pawsonalize.app.pages.happenings import HappeningReport, Happenings, find_happenings
from pawsonalize.app.pages.period import PARAMETERS
from pawsonalize.app.pages.shell import ANIMALS, HOME, TODAY, Link
from pawsonalize.app.pages.views import GROUP_PARAMETER, View, ViewQuery
from pawsonalize.core import clock
from pawsonalize.core.http.json import read_limit
from pawsonalize.core.http.operation import About, RequestParameter
from pawsonalize.core.limits import parse_id
from pawsonalize.core.scopes import DESK, Scope
from pawsonalize.models.recipes.catalogue import broken_recipes
from pawsonalize.operations.addressing import ADDRESS_PARAMETERS
from pawsonalize.plugins.console import animals, models, visitors
from pawsonalize.plugins.console.actions import ACTIONS, KEYS
from pawsonalize.plugins.console.animal import AnimalReport, animal_content
from pawsonalize.plugins.console.console import Console
from pawsonalize.plugins.console.desk import ANIMAL_ACTIONS, NEW_ANIMAL_PAGE, new_animal_content
from pawsonalize.plugins.console.models import RunReport, run_report
from pawsonalize.plugins.console.outcomes import OutcomesOverTime, outcomes_content
from pawsonalize.plugins.console.overview import (
    Overview,
    ServiceReport,
    changing_pages,
    overview_content,
)
from pawsonalize.plugins.console.quality import ArchiveState, DataReport, EventAnswer
from pawsonalize.plugins.console.visitors import NewestVisitors
from pawsonalize.reports.endpoints import AuditPage, audit_page
from pawsonalize.train.endpoints import list_recipes

_CURSOR = RequestParameter("cursor", "The `nextCursor` of the page before.")


def _console(query: ViewQuery) -> Console:
    return Console.of(query.plugins)


def _find_animals(query: ViewQuery) -> FoundHits:
    text, console = parse_id(query.text("q"), "q"), _console(query)
    return FoundHits([*console.finder.animals(text, query.now, mended=True)])


def _service_report(query: ViewQuery) -> ServiceReport:
    return _console(query).service(clock.real_now())  # by which keys end


def _outcomes(query: ViewQuery) -> OutcomesOverTime:
    read_limit(query.parameters.get("days"), 0, "days")  # its error names the field
    return _console(query).outcomes.outcomes(query.group, query.period("90d"))


def _audit(query: ViewQuery) -> AuditPage:
    return audit_page(query.services.audit, query.parameters)


_LINKS = (
    Link("Today", TODAY, place=-1, allowed=DESK),
    Link("Overview", HOME),
    Link("Animals", ANIMALS, place=1, allowed=DESK),
    Link("Visitors", f"{HOME}/visitors", place=3),
    Link("Outcomes", f"{HOME}/outcomes", place=4),
    Link("Models", f"{HOME}/models", place=5),
    Link("Data", f"{HOME}/data", place=6),
    Link("Settings", f"{HOME}/settings", place=7),
    Link("Who waits", ANIMALS, tab_of=ANIMALS, place=1, allowed=DESK),
    Link("Who is seen", f"{ANIMALS}/seen", tab_of=ANIMALS, place=2, allowed=DESK),
    Link("Add an animal", NEW_ANIMAL_PAGE, tab_of=ANIMALS, place=3, allowed=DESK),
    Link("Events", f"{HOME}/data", tab_of=f"{HOME}/data", place=1),
    Link("Quality", f"{HOME}/data/quality", tab_of=f"{HOME}/data", place=2),
    Link("Archive", f"{HOME}/data/archive", tab_of=f"{HOME}/data", place=4),
    Link("Settings", f"{HOME}/settings", tab_of=f"{HOME}/settings", place=1),
    Link("Keys", KEYS, tab_of=f"{HOME}/settings", place=2),
    Link("Audit log", f"{HOME}/settings/audit", tab_of=f"{HOME}/settings", place=4),
)
_VIEWS = (
    View(
        page="/console/find",
        template="console/find.html",
        read=find_hits,
        operation="find",
        summary="What is called so: animals, visitors, models, events, answers, dead letters.",
        answer=FoundHits,
        parameters=(
            RequestParameter("q", "An id, or a part of an animal's name.", required=True),
            RequestParameter(GROUP_PARAMETER, "The dataset group; the default one if left out."),
        ),
        needs=("q",),
        leads=lambda found: found.only_page,
    ),
    View(
        page=f"{ANIMALS}/find",
        allowed=DESK,
        template="console/find.html",
        read=_find_animals,
        needs=("q",),
        leads=lambda found: found.only_page,
    ),
    View(
        page="/console",
        template="console/overview.html",
        content=overview_content,
        read=lambda query: _console(query).overview.overview(query.now),
        periods=("7d",),
        operation="overview",
        summary="Is all well, what did the last retraining decide and why, what needs attention?",
        answer=Overview,
    ),
    View(
        page=TODAY,
        allowed=DESK,
        template="console/today.html",
        read=lambda query: _console(query).overview.overview(query.now),
        content=lambda query, _report: _console(query).today(query.now),
        has_photos=True,
    ),
    View(
        page="/console/happenings",
        template="console/happenings.html",
        read=lambda query: HappeningReport(find_happenings(query, query.period("7d"))),
        periods=("7d",),
        operation="happenings",
        summary="Promotions, imports, retrainings that failed and problems of a time.",
        answer=HappeningReport,
        parameters=PARAMETERS,
    ),
    View(
        page="/console/models",
        template="console/models.html",
        read=lambda query: _console(query).models.models(query.parameters.get("cursor"), query.now),
        content=models.models_content,
        periods=(models.USUAL_TIME,),
        operation="models",
        summary="Solutions, what is served of them, and the newest retrainings.",
        answer=models.ModelsReport,
        parameters=(_CURSOR,),
    ),
    View(
        page="/console/models/compare",
        template="console/compare.html",
        read=lambda query: _console(query).visitors.compare(query),
        has_photos=True,
        operation="comparison",
        summary="What two versions would show the same visitor, or somebody new.",
        about=About.GROUP,
        answer=visitors.ComparisonReport,
        parameters=(
            RequestParameter("version", "A solution version; the live one if left out."),
            RequestParameter("against", "Another one; the newest that is not live if left out."),
            RequestParameter("estimate", "true: also what each would have earned; takes seconds."),
            RequestParameter("userId", "The user."),
            RequestParameter("sessionId", "The session."),
            *ADDRESS_PARAMETERS,
        ),
    ),
    View(
        page="/console/models/recipes",
        template="console/recipes.html",
        content=lambda _query, _report: {"broken": broken_recipes()},
        read=lambda _query: list_recipes(),
    ),
    View(
        page="/console/models/solutions/{name}",
        template="console/solution.html",
        content=models.solution_content,
        read=lambda query: _console(query).models.solution(
            query.path_parameters["name"], query.now
        ),
        path="/models/{name}",
        periods=(models.USUAL_TIME,),
        operation="solution",
        summary="One solution: its versions, when each answered, and what the gate measured.",
        answer=models.SolutionReport,
        parameters=(RequestParameter("name", "The solution.", where="path", required=True),),
    ),
    View(
        page="/console/models/runs/{run_id}",
        template="console/run.html",
        content=models.run_content,
        read=lambda query: run_report(
            query.services.runs.get(query.path_parameters["run_id"]), query.now
        ),
        path="/runs/{run_id}",
        operation="run",
        summary="One retraining: its steps, and every rule of the gate with its numbers.",
        answer=RunReport,
        parameters=(RequestParameter("runId", "The run.", where="path", required=True),),
    ),
    View(
        page="/console/outcomes",
        template="console/outcomes.html",
        content=outcomes_content,
        read=_outcomes,
        operation="outcomes",
        summary="Outcomes of the last days, in all, by version and over time.",
        answer=OutcomesOverTime,
        parameters=(
            RequestParameter(
                "days", "The last days, where no period is named; 90 if left out.", int
            ),
            *PARAMETERS,
            RequestParameter(GROUP_PARAMETER, "The dataset group; the default one if left out."),
        ),
        usual={"days": "180"},
        periods=("180d", "365d"),  # waits are known of arrivals that were followed for 90 days
        takes_long=True,
    ),
    View(
        page="/console/animals",
        allowed=DESK,
        template="console/animals.html",
        content=animals.animals_content,
        read=lambda query: animals.animal_listing(
            _console(query).stock, query.parameters, query.now
        ),
        operation="animals",
        summary="The inventory with filters: who waits, and who is hardly seen.",
        about=About.INVENTORY,
        answer=animals.AnimalListing,
        parameters=(
            RequestParameter("status", "Only animals of this status; `any`; `available`."),
            RequestParameter("species", "Only animals of this species, a word or an id."),
            RequestParameter("shelter", "Only animals of this shelter."),
            RequestParameter("source", "Only animals of this source."),
            RequestParameter("search", "Only animals whose id or name holds this."),
            RequestParameter("waitingDays", "Only animals that wait for so many days.", int),
            RequestParameter("hardlySeen", "`true`: only animals that are hardly seen."),
            RequestParameter(
                "order", "`waiting`, longest first; `newest`; `shown`, least shown first."
            ),
            RequestParameter(
                "sort", "In place of `order`: `-waiting_days`, `waiting_days` or `shown`."
            ),
            RequestParameter("limit", "How many, 1 to 500; 50 if left out.", int),
            _CURSOR,
        ),
        usual={"limit": "40"},
        has_photos=True,
    ),
    View(
        page="/console/animals/id/{animal_id:path}",
        allowed=DESK,
        template="console/animal.html",
        content=animal_content,
        read=lambda query: _console(query).animal(
            parse_id(query.path_parameters["animal_id"], "animal_id"), query.now
        ),
        path="/animals/{animal_id:path}",
        operation="animal",
        summary="One animal: its history, its pages, why it is not seen, and what would help.",
        about=About.INVENTORY,
        answer=AnimalReport,
        parameters=(RequestParameter("animalId", "The animal.", where="path", required=True),),
        takes_long=True,
        has_photos=True,
    ),
    View(
        page=NEW_ANIMAL_PAGE,
        allowed=DESK,
        template="console/animal_new.html",
        content=new_animal_content,
        read=lambda _query: None,
    ),
    View(
        page="/console/animals/seen",
        allowed=DESK,
        template="console/animals_seen.html",
        content=animals.seen_content,
        read=lambda query: _console(query).seen.find(None),
    ),
    View(
        page="/console/visitors",
        template="console/visitors.html",
        content=lambda query, report: {
            "newest": None if report else _console(query).newest_visitors(query.group)
        },
        read=lambda query: _console(query).visitors.report(query),
        path="/visitors",
        operation="visitor",
        summary="What a visitor did, was shown and would see now, and why; this is logged nowhere.",
        about=About.GROUP,
        answer=visitors.VisitorReport,
        parameters=(
            RequestParameter("userId", "The user."),
            RequestParameter("sessionId", "The session."),
            RequestParameter("version", "The solution version that answers; the live one."),
            RequestParameter("against", "A solution version to compare it with."),
            RequestParameter("limit", "How many events, 1 to 500; 25 if left out.", int),
            RequestParameter("cursor", "The `nextCursor` of the page of events before."),
            *ADDRESS_PARAMETERS,
        ),
        needs=("userId", "sessionId"),
    ),
    View(
        page="/console/visitors/newest",
        template="console/visitors.html",
        content=lambda _query, report: {"newest": report},
        read=lambda query: _console(query).newest_visitors(query.group),
        path="/visitors/newest",
        operation="newest_visitors",
        summary="The newest visitors, each with what they did.",
        about=About.GROUP,
        answer=NewestVisitors,
        parameters=ADDRESS_PARAMETERS,
    ),
    View(
        page="/console/data",
        template="console/data.html",
        read=lambda query: _console(query).events.events(query.parameters, query.group),
        operation="events",
        summary="The newest events; of an event, a session or a user, whether they were taken, or"
        " why not.",
        about=About.GROUP,
        answer=EventAnswer,
        parameters=(
            RequestParameter("eventId", "Was this event accepted?"),
            RequestParameter("sessionId", "Were events of this session accepted?"),
            RequestParameter("userId", "Were events of this user accepted?"),
            RequestParameter("eventType", "Only events of this type, as it was sent."),
            RequestParameter("limit", "How many, 1 to 500; 25 if left out.", int),
            _CURSOR,
            *ADDRESS_PARAMETERS,
        ),
    ),
    View(
        page="/console/data/quality",
        template="console/data_quality.html",
        read=lambda query: _console(query).quality.find(query.group),
        operation="data",
        summary="How good the newest events are: unknown names, missing fields, suspected bots.",
        about=About.GROUP,
        answer=DataReport,
        parameters=ADDRESS_PARAMETERS,
    ),
    View(
        page="/console/data/archive",
        template="console/data_archive.html",
        read=lambda query: _console(query).events.archive(),
        operation="archive",
        summary="What the archive holds, and what waits to go there.",
        answer=ArchiveState,
    ),
    View(
        page="/console/settings",
        template="console/settings.html",
        content=lambda _query, _report: {"changing": changing_pages()},
        read=_service_report,
        operation="settings",
        summary="Settings in force and where each comes from, keys, notifications, version and"
        " servers.",
        answer=ServiceReport,
    ),
    View(
        page="/console/settings/keys",
        template="console/settings_keys.html",
        content=lambda _query, _report: {"scopes": tuple(Scope)},
        read=_service_report,
    ),
    View(page="/console/settings/audit", template="console/settings_audit.html", read=_audit),
)
_HAPPENINGS = Happenings(lambda query: _console(query).happenings(query.now))
_FINDER = Finder(lambda query, text: _console(query).finder.find(text, query.group, query.now))
PAGES = (*_LINKS, *_VIEWS, *ACTIONS, *ANIMAL_ACTIONS, _FINDER, _HAPPENINGS)
