"""Alerts: GET /v1/animals/{animalId}/matches, pages of the console, and forms of visitors."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
from markupsafe import Markup
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from pawsonalize.app.pages.shell import Link
from pawsonalize.app.pages.views import Confirmation, Done, PageAction, View, ViewQuery
from pawsonalize.core.errors import Conflict, InvalidInput, TooManyRequests
from pawsonalize.core.event import Visitor
from pawsonalize.core.http.json import read_count, report_of
from pawsonalize.core.http.operation import About, Operations, RequestParameter
from pawsonalize.core.limits import parse_id
from pawsonalize.core.notifications import mail_header
from pawsonalize.core.scopes import DESK, SITE
from pawsonalize.operations.services import services_of
from pawsonalize.plugins.alerts import AlertSettings, mails_visitors
from pawsonalize.plugins.alerts.book import LINK_DAYS, MOST_ASKED, MOST_SEARCHES, AlertBook
from pawsonalize.plugins.alerts.composition import Alerts, book_of
from pawsonalize.plugins.alerts.matching import CONSENT, YES, Matches
from pawsonalize.plugins.alerts.messages import CONFIRM, STOP
from pawsonalize.plugins.alerts.searches import SearchRules
from pawsonalize.site.choices import as_search
from pawsonalize.site.forms import (
    Endpoint,
    Fields,
    fields_of,
    posted_form,
    remember,
    see,
    shown,
    speak_to,
)
from pawsonalize.site.languages import spoken, text
from pawsonalize.site.rendering import page, with_query
from pawsonalize.site.storefront import ReadAlerts, SiteAlerts

OPERATIONS = Operations(SITE, about=About.INVENTORY)
USUAL, MOST = 10, 100


class AnimalMatch(msgspec.Struct, frozen=True, rename="camel"):
    """A user who may be told of the animal."""

    user_id: str
    """The user."""
    surplus: float
    """The chance less the mean chance of the ten best places of the user's own page without it."""
    chance: float
    """Chance that the user opens the animal, if it is seen; 0 to 1."""
    reasons: tuple[str, ...]
    """Reasons in words, as this user would read them beside the animal."""


class MatchesAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """Users who would love an animal, by surplus. Only users with a consent are among them."""

    animal_id: str
    """The animal."""
    willing: int
    """Users with the attribute `ALERTS` = `yes`."""
    weighed: int
    """Those of them that were weighed: the last active, at most 2,000."""
    matches: list[AnimalMatch]
    """The best; nobody who knows the animal already, or whom a rule keeps from it."""


@OPERATIONS.add(
    "GET",
    "/v1/animals/{animal_id:path}/matches",
    parameters=(
        RequestParameter("animalId", "The animal.", where="path", required=True),
        RequestParameter("limit", "At most so many, 1 to 100; 10 if left out.", int),
    ),
    notes=(
        "Each user is weighed as for a page of their own, so the answer takes some milliseconds"
        " for each user with a consent. It is logged nowhere."
    ),
)
async def get_matches(request: Request) -> MatchesAnswer:
    """Users who wish to be told of animals and would love this one."""
    services = services_of(request)
    animal_id = parse_id(request.path_params["animal_id"], "animal_id")
    limit = read_count(request.query_params, "limit", USUAL, 1, MOST)
    alerts: Alerts = request.app.state.plugins["alerts"]
    find = partial(alerts.matching.find, animal_id, limit, services.now())
    found: Matches = await services.reports.share(("matches", animal_id, limit), find)
    matches = [
        report_of(AnimalMatch, match, reasons=tuple(map(str, match.place.reasons)))
        for match in found.matches
    ]
    return MatchesAnswer(animal_id, found.willing, found.weighed, matches)


_ANIMALS = "/console/animals"
_ALERTS = f"{_ANIMALS}/alerts"
_YOURS = "/you#alerts"
_ASKED = "/alerts/asked"
_LONGEST_MAIL = 200
_SHOWN = 100


def _matches(query: ViewQuery) -> dict[str, object] | None:
    """Return the animal and its matches; None where none is named yet."""
    if not (animal_id := query.text("animalId")):
        return None
    alerts: Alerts = query.plugins["alerts"]
    animal_id = parse_id(animal_id, "animalId")
    found = alerts.matching.find(animal_id, USUAL, query.now)
    animal = query.services.inventory.get(animal_id)
    return {"name": animal.name or animal_id, "found": found}


class ListedSearch(msgspec.Struct, frozen=True):
    """A saved search, in words; `link` is its query."""

    user_id: str
    words: str
    link: str
    saved_at: str


class ListedAlert(msgspec.Struct, frozen=True):
    """An alert that was written."""

    subject: str
    animal_id: str
    user_id: str
    is_for_search: bool
    sent_at: str


class AlertsReport(msgspec.Struct, frozen=True):
    """Alerts and saved searches of a user, or the newest of all; `word` is that of the user."""

    user_id: str
    word: str | None
    searches: list[ListedSearch]
    sent: list[ListedAlert]
    willing: int
    mails: dict[str, str]
    """Confirmed addresses of e-mail, by their users."""


def _read_alerts(query: ViewQuery) -> AlertsReport:
    alerts: Alerts = query.plugins["alerts"]
    user_id = query.text("userId")
    word = alerts.word_of(parse_id(user_id, "userId")) if user_id else None
    saved = alerts.book.searches(_SHOWN, user_id or None)
    written = alerts.book.newest(_SHOWN, user_id or None)
    named = {user_id, *(one.user_id for one in saved), *(one.user_id for one in written)}
    searches = [
        report_of(ListedSearch, one, words=SearchRules.of(one.search).in_words, link=one.search)
        for one in saved
    ]
    sent = [report_of(ListedAlert, one, is_for_search=one.search is not None) for one in written]
    willing, mails = alerts.matching.audience.count(), alerts.addresses.mails(named)
    return AlertsReport(user_id, word, searches, sent, willing, mails)


def _ask_consent(query: ViewQuery) -> Confirmation:
    user_id, is_yes = query.text("userId"), query.text("alerts") == "yes"
    effects = (
        ("From the next round on, they are told of animals that they would love.",)
        if is_yes
        else (
            "They are told of no animal any more, and their saved searches are forgotten.",
            "Your site gets a notification, so that it does not write the consent again.",
        )
    )
    title = f"{'Start' if is_yes else 'Stop'} the alerts of {user_id}"
    fields = {"userId": user_id, "alerts": "yes" if is_yes else "no"}
    return Confirmation(title, effects, "Start" if is_yes else "Stop", _of(user_id), fields)


def _change_consent(query: ViewQuery) -> Done:
    alerts: Alerts = query.plugins["alerts"]
    user_id = parse_id(query.text("userId"), "userId")
    alerts.word_of(user_id)  # NotFound for a user of whom nothing is stored
    _set_consent(alerts, user_id, query.parameters)
    is_yes = query.text("alerts") == "yes"
    return Done(_of(user_id), f"Alerts of this user are {'on' if is_yes else 'off'}.")


def _ask_removal(query: ViewQuery) -> Confirmation:
    user_id, search = query.text("userId"), query.text("search")
    words = SearchRules.of(search).in_words
    effects = (f"{user_id} is told no more of: {words}.",)
    fields = {"userId": user_id, "search": search}
    return Confirmation("Forget a saved search", effects, "Forget it", _of(user_id), fields)


def _remove_search(query: ViewQuery) -> Done:
    alerts: Alerts = query.plugins["alerts"]
    user_id = parse_id(query.text("userId"), "userId")
    _remove(alerts, user_id, query.parameters)
    return Done(_of(user_id), "The saved search is forgotten.")


def _of(user_id: str) -> str:
    return with_query(_ALERTS, {"userId": user_id})


CONSOLE_PAGES = (
    Link("Alerts", _ALERTS, tab_of=_ANIMALS, place=4, allowed=DESK),
    View(page=_ALERTS, template="alerts/alerts.html", read=_read_alerts, allowed=DESK),
    PageAction(f"{_ALERTS}/consent", _ask_consent, _change_consent, DESK),
    PageAction(f"{_ALERTS}/search", _ask_removal, _remove_search, DESK),
    Link("Who would love", f"{_ANIMALS}/matches", tab_of=_ANIMALS, place=3, allowed=DESK),
    View(
        allowed=DESK,
        page=f"{_ANIMALS}/matches",
        template="alerts/matches.html",
        read=_matches,
        takes_long=True,
    ),
)


def _alerts(request: Request) -> Alerts:
    alerts: Alerts = request.app.state.plugins["alerts"]
    return alerts


def _link_page(title: str, body: Markup, status: int = 200, **form: object) -> Response:
    shown = {"title": text(f"alerts.{title}"), "text": body, "button": "", "searches": ()}
    return page("alerts/link.html", status, **{**shown, **form})


def _saved(book: AlertBook, user_id: str) -> list[tuple[str, str]]:
    """Return the saved searches of a user, as queries and in words."""
    found = book.searches(MOST_SEARCHES, user_id)
    return [(one.search, SearchRules.of(one.search).in_words) for one in found]


# A program that looks at the links of a mail stops and confirms nothing: only buttons do.
async def stop(request: Request) -> Response:
    """Ask whether to stop the alerts of the user of a signed link; by POST, stop all or a search.

    Programs for mail post as well (RFC 8058).
    """
    speak_to(request)
    given = {**request.query_params, **await fields_of(request)}
    alerts, user_id, signature = _alerts(request), given.get("user", ""), given.get("signature", "")
    if not alerts.messages.is_signed(user_id, signature):
        return _link_page("unsigned", text("alerts.unsigned_more"), 403)
    if request.method == "POST" and not given.get("search"):
        await run_in_threadpool(alerts.stop, user_id, alerts.now())
        return _link_page("stopped", text("alerts.stopped_more"))
    if request.method == "POST":
        await run_in_threadpool(_remove, alerts, user_id, given)
    searches = await run_in_threadpool(_saved, alerts.book, user_id)
    fields = {"user": user_id, "signature": signature}
    button: dict[str, Any] = {"button": text("alerts.stop_now"), "action": STOP, "fields": fields}
    return _link_page("stop_title", text("alerts.stop_effect"), searches=searches, **button)


async def _post_mail(request: Request, visitor: Visitor, fields: Fields) -> Response:
    """Send the mail that asks whether its reader wishes alerts."""
    alerts, typed = _alerts(request), fields.get("mail", "").strip()
    alerts.rate.check("" if request.client is None else request.client.host)
    mail, search = mail_header(typed) if len(typed) <= _LONGEST_MAIL else "", ""
    if not mail:
        raise InvalidInput(text("alerts.no_mail", mail=f"“{typed[:_LONGEST_MAIL]}”"), field="mail")
    if given := fields.get("search"):
        rules = SearchRules.of(given)
        search = as_search(rules.choices, rules.answers)
    if not fields.get("website"):  # people cannot see this field; programs fill it in
        try:
            await run_in_threadpool(
                alerts.ask, visitor.session_id or "", mail, search, spoken().tag
            )
        except TooManyRequests as error:
            raise Conflict(text("alerts.mailed_enough", n=MOST_ASKED)) from error
    response = see(_ASKED)
    remember(request, response, visitor)
    return response


def _get_asked(_request: Request, _visitor: Visitor) -> Response:
    return _link_page("look_title", text("alerts.look", LINK_DAYS))


async def confirm(request: Request) -> Response:
    """Ask whether to write to the address of a link; by POST, do so from now on."""
    speak_to(request)
    given = {**request.query_params, **await fields_of(request)}
    alerts, user_id, token = _alerts(request), given.get("user", ""), given.get("token", "")
    wish = await run_in_threadpool(alerts.addresses.waiting, user_id, token, alerts.now())
    if wish is None:
        return _link_page("too_old", text("alerts.too_old_more"), 404)
    if request.method == "POST":
        try:
            await run_in_threadpool(alerts.confirm, wish)
        except Conflict:
            return _link_page("confirm_title", text("alerts.most_by_mail", n=MOST_SEARCHES), 409)
        return _link_page("confirmed", text("alerts.confirmed_more"))
    what = text("alerts.confirm_any", mail=wish.mail)
    if wish.search:
        words = SearchRules.of(wish.search).in_words
        what = text("alerts.confirm", mail=wish.mail, words=words)
    fields = {"user": user_id, "token": token}
    button: dict[str, Any] = {
        "button": text("alerts.confirm_now"),
        "action": CONFIRM,
        "fields": fields,
    }
    return _link_page("confirm_title", what, **button)


_Act = Callable[[Alerts, str, Fields], object]


def _form(act: _Act) -> Endpoint:
    """Return the endpoint of a form that changes what a known visitor is told."""

    async def endpoint(request: Request, visitor: Visitor, fields: Fields) -> Response:
        if visitor.user_id is None:
            raise Conflict(text("alerts.who_first"))
        await run_in_threadpool(act, _alerts(request), visitor.user_id, fields)
        response = see(_YOURS)
        remember(request, response, visitor)
        return response

    return posted_form(endpoint)


def _set_consent(alerts: Alerts, user_id: str, fields: Fields) -> None:
    if fields.get("alerts") == "yes":
        alerts.consent(user_id)
    else:
        alerts.stop(user_id, alerts.now())


def _consent(alerts: Alerts, user_id: str, fields: Fields) -> None:
    _set_consent(alerts, user_id, fields)
    if fields.get("alerts") == "yes":
        alerts.note_language(user_id, spoken().tag)


def _save(alerts: Alerts, user_id: str, fields: Fields) -> None:
    rules = SearchRules.of(fields.get("search", ""))
    if not (search := as_search(rules.choices, rules.answers)):
        raise InvalidInput(text("alerts.no_search"), field="search")
    try:
        alerts.save(user_id, search, alerts.now())
    except Conflict as error:
        raise Conflict(text("alerts.most_searches", n=MOST_SEARCHES)) from error
    alerts.note_language(user_id, spoken().tag)


def _remove(alerts: Alerts, user_id: str, fields: Fields) -> None:
    alerts.book.remove(user_id, fields.get("search", ""))


def routes() -> list[BaseRoute]:
    """Return the routes of visitors."""
    return [
        Route(STOP, stop, methods=["GET", "POST"]),
        Route(CONFIRM, confirm, methods=["GET", "POST"]),
        Route("/alerts/mail", posted_form(_post_mail), methods=["POST"]),
        Route(_ASKED, shown(_get_asked)),
        *(
            Route(f"/alerts/{name}", _form(act), methods=["POST"])
            for name, act in (("consent", _consent), ("save", _save), ("remove", _remove))
        ),
    ]


if TYPE_CHECKING:
    from pawsonalize.app.adapters import Adapters


def site_alerts(adapters: "Adapters") -> ReadAlerts:
    """Return what reads the alerts of a visitor for pages."""
    settings, catalogue = adapters.settings, adapters.catalogue
    book, by_mail = book_of(settings, adapters), mails_visitors(settings)

    def read(visitor: Visitor, search: str = "") -> SiteAlerts:
        user_id = visitor.user_id
        user = None if user_id is None else catalogue.user(user_id)
        return SiteAlerts(
            is_known=user_id is not None,
            consented=user is not None and user.attributes.get(CONSENT) == YES,
            searches=() if user_id is None else tuple(_saved(book, user_id)),
            search=search,
            words=SearchRules.of(search).in_words if search else "",
            most=settings.part(AlertSettings).alerts_per_visitor_week,
            by_mail=by_mail,
        )

    return read
