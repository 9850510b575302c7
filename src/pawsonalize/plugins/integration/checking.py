"""Findings about a site's page: what is there, what works, and what arrives from it."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from hmac import compare_digest
from urllib.parse import urlsplit

import msgspec

from pawsonalize.app.adapters import Adapters
from pawsonalize.app.checks import CheckedService, Verdict
from pawsonalize.app.doctor import events_and_answers, unknown_fields
from pawsonalize.core import clock
from pawsonalize.core.errors import InvalidInput, NotFetched
from pawsonalize.core.fetch import origin_of
from pawsonalize.core.forms.decoder import UnknownFields, check_fields, likely_name
from pawsonalize.core.times import DAY, iso
from pawsonalize.operations.admission import key_for
from pawsonalize.plugins.integration.visiting import (
    EVENTS,
    Check,
    Level,
    SiteFinding,
    SiteVisit,
    fetch_unpacked,
)
from pawsonalize.recommend.endpoints.queries import QueryFields

_NEWEST_EVENTS = 1_000
_LISTED = 5
_ANY_ELEMENT = frozenset(
    {"key", "query", "src", "timeout", "remember", "user-id", "visitor-token", "theme"}
)
_OWN = {
    "pawsonalize-animals": frozenset({"href", "more"}),
    "pawsonalize-board": frozenset({"question", "none", "next"}),
    "pawsonalize-search": frozenset({"href", "label", "placeholder", "button", "none", "nearly"}),
}
_OF_HTML = frozenset(
    {"id", "class", "style", "slot", "hidden", "lang", "dir", "title", "role", "part", "tabindex"}
)
_HTML_PREFIXES = ("data-", "aria-", "on")


class EmbedQuery(QueryFields, frozen=True, rename="camel", kw_only=True):
    """The fields that the attribute `query` may have, of any element."""

    limit: int | None = None
    size: int | None = None
    without: list[str] = msgspec.field(default_factory=list)


_QUERIES = msgspec.json.Decoder(EmbedQuery)


def check_site(
    adapters: Adapters, url: str, now: int, check: Check | None = None
) -> Iterator[SiteFinding]:
    """Yield what there is to say of a page; `check` refuses addresses that are not to be asked."""
    url = url.strip()
    try:
        fetched = fetch_unpacked(url, check)
    except NotFetched as error:
        yield SiteFinding("error", str(error), "open the address in a browser, and name that one")
        return
    visit = SiteVisit(fetched, check)
    size = len(fetched.content)
    yield SiteFinding("ok", f"the page answers: {size:,} bytes from {visit.origin}")
    if not visit.page.scripts and not visit.page.elements:
        yield SiteFinding(
            "error",
            "neither the script nor an element of Pawsonalize is in the page's HTML",
            "put the two lines of docs/how-to/embed-animals.md into it; what a script of the site"
            " adds later is not seen here",
        )
        return
    yield from _calls(adapters, visit)
    yield from arrivals(adapters, now)


def _calls(adapters: Adapters, visit: SiteVisit) -> Iterator[SiteFinding]:
    """Load the scripts, then make the calls that they would make."""
    page, default = visit.page, ""
    if not page.scripts:
        move = 'add <script type="module" src="https://YOUR-SERVICE/embed.js"></script>'
        yield SiteFinding("error", "the elements are there, and their script is not", move)
    for script in page.scripts:
        default = (yield from visit.load(script)) or default
    uses: list[tuple[str, str | None]] = [(default, key) for key in page.keys]
    for name, given in page.elements:
        fine = SiteFinding("ok", f"<{name}> is written as it should be")
        yield from [*_names(name, given), *_values(name, given)] or [fine]
        written, service = given.get("src"), default
        if written is not None:
            service = visit.resolve(f"{written.rstrip('/')}{EVENTS}").removesuffix(EVENTS)
        uses.append((service, given.get("key")))
    reached = {"": False}
    for service, key in dict.fromkeys(uses):
        if service not in reached:
            reached[service] = yield from visit.reach(service)
        if key is not None:  # an element without one is an error of its own
            yield _key(adapters, visit, service if reached[service] else "", key)


def _names(name: str, given: Mapping[str, str]) -> Iterator[SiteFinding]:
    if name not in _OWN:
        likely = likely_name(name, tuple(_OWN)) or ", ".join(sorted(_OWN))
        yield SiteFinding("error", f"there is no element <{name}>", f"write {likely}")
        return
    known = _ANY_ELEMENT | _OWN[name]
    for attribute in given:
        if attribute in known | _OF_HTML or attribute.startswith(_HTML_PREFIXES):
            continue
        right = likely_name(attribute, tuple(known))
        level: Level = "error" if right else "warning"
        move = f"write {right}" if right else f"it may have {', '.join(sorted(known))}"
        message = f"<{name}> has an attribute {attribute}, which means nothing"
        yield SiteFinding(level, message, move)


def _values(name: str, given: Mapping[str, str]) -> Iterator[SiteFinding]:
    of, unknown = f"of <{name}>", UnknownFields()
    try:
        body = given.get("query", "{}").encode()
        check_fields(_QUERIES, body, unknown)
        msgspec.json.decode(body, type=dict)
    except InvalidInput as error:
        yield SiteFinding("error", f"the query {of} is refused: {error}", "mend it")
    except msgspec.MsgspecError:
        yield SiteFinding("error", f"the query {of} is no JSON object", 'write {"limit": 6}')
    for field in unknown:
        move = "take it out, or send it as `context`"
        yield SiteFinding("warning", f"the query {of} has a field {field} without meaning", move)
    timeout = given.get("timeout", "1000")
    if not (timeout.isascii() and timeout.isdecimal()):
        yield SiteFinding("error", f"the timeout {of} is {timeout[:20]!r}", "write milliseconds")
    if "key" not in given:
        move = "give it one: `pawsonalize keys create --scope browser --origin ORIGIN`"
        yield SiteFinding("error", f"<{name}> has no key", move)


def _key(adapters: Adapters, visit: SiteVisit, service: str, written: str) -> SiteFinding:
    """Say whether a key works; where the page can call the service, by a call."""
    make = f"make one and put it there: `{key_for(visit.origin)}`"
    if not written:
        if reason := visit.why_refused(service, ""):
            what = f"an empty key is refused from {visit.origin}: {reason}"
            return SiteFinding("error", what, make)
        return SiteFinding("ok", f"a key is empty, and {service} takes calls without one")
    key_id, _, secret = written.partition(".")
    key, kept = adapters.access_keys.find(key_id) or (None, "")
    level: Level = "error"
    shown, move = key_id[:30], make
    if key is None or not compare_digest(kept.encode(), secret.encode()):
        what = "is none of this service, or its part after the dot is wrong"
    elif key.is_expired(clock.real_now()):
        what = "has ended"
    elif not key.is_public:
        what = "may do more than pages should"
        move = f"everybody can read it: `pawsonalize keys delete {shown}`, then {make}"
    elif visit.origin not in key.origins:
        what = f"is not for pages of {visit.origin}"
    elif service and (reason := visit.why_refused(service, written)):
        what = f"is refused from {visit.origin}: {reason}"
        move = "see that the address is of this service, and a proxy hands Authorization on"
    elif key.last_used_at is None:
        level, what = "warning", "is right, and nobody has used it yet"
        move = "open the page in a browser, and look again a minute later"
    else:
        used = iso(key.last_used_at)[:16].replace("T", " ")
        level, move = "ok", ""
        what = f"is right, and was used last at {used} UTC, by a page or a check"
    return SiteFinding(level, f"the key {shown} {what}", move)


def arrivals(adapters: Adapters, now: int) -> Iterator[SiteFinding]:
    """Yield what came in of the newest events, from all sites: an event does not say from which."""
    log = adapters.log
    head = log.head()
    newest = log.read(max(0, head - _NEWEST_EVENTS), head, _NEWEST_EVENTS)
    events = [one.event for one in newest if one.event.received_at >= now - DAY]
    if not events:
        move = "open the page, click on an animal, and look again"
        yield SiteFinding("warning", "no event came in within a day", move)
        return
    joined = sum(one.recommendation_id is not None for one in events)
    seen = sum(bool(one.impression) for one in events)
    yield SiteFinding(
        "ok",
        f"{len(events):,} events came in within a day: {joined:,} name the answer that they came"
        f" from (recommendationId), {seen:,} say which animals were seen before",
    )
    ids = {one.animal_id for one in events if one.animal_id}
    if missing := sorted(ids - adapters.animals.get_many(ids).keys()):
        yield SiteFinding(
            "warning",
            f"{len(missing):,} of {len(ids):,} animals in them are not in the inventory:"
            f" {', '.join(missing[:_LISTED])}",
            "the ids in your pages must be those of the inventory"
            " (docs/how-to/send-your-inventory.md)",
        )
    service = CheckedService(adapters, now)
    for diagnosis in (*events_and_answers(service), *unknown_fields(service)):
        level: Level = "ok" if diagnosis.verdict is Verdict.FINE else "warning"
        yield SiteFinding(level, diagnosis.message, diagnosis.next_move)


def only_named(adapters: Adapters, hosts: frozenset[str]) -> Check:
    """Return the check of addresses for the console: no form makes the server ask any other."""
    # Those are the origins that keys name, and the names of this service.
    named = {origin for key in adapters.access_keys.all() for origin in key.origins}

    def check(url: str) -> None:
        with suppress(ValueError):
            if origin_of(url) in named or urlsplit(url).hostname in hosts:
                return
        raise InvalidInput(
            "the console looks at pages alone whose origin a key names: make one first, or run"
            " `pawsonalize check-integration URL` on the server's machine",
            field="url",
        )

    return check
