"""Findings about a site's page: what is there, what works, and what arrives from it."""

import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from hmac import compare_digest
from html.parser import HTMLParser
from typing import Literal
from urllib.parse import urljoin, urlsplit

import msgspec

from pawsonalize.access.admission import key_for
from pawsonalize.app.adapters import Adapters
from pawsonalize.app.checks import CheckedService, Verdict
from pawsonalize.app.doctor import events_and_answers, unknown_fields
from pawsonalize.domain.errors import InvalidInput, NotFetched
from pawsonalize.domain.times import DAY, iso
from pawsonalize.engine.ingest.decoder import UnknownFields, check_fields, likely_name
from pawsonalize.fetch import Limits, fetch, preflight
from pawsonalize.http.queries import QueryFields

_PAGE_LIMITS = Limits(size=8 << 20, silence=10, total=20)
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
_SENT_HEADERS = "authorization,content-type"

_KEY_IN_SCRIPT = re.compile(r"""\bkey\s*:\s*["'`]([^"'`\s]{1,200})["'`]""")
_IMPORT_IN_SCRIPT = re.compile(r"""["'`]([^"'`\s]{1,500}/embed\.js(?:\?[^"'`\s]{0,100})?)["'`]""")
_PREFIX = "pawsonalize-"


class EmbedScript(msgspec.Struct, frozen=True):
    """A script that is the embed, or imports it."""

    address: str
    is_module: bool


class EmbedElement(msgspec.Struct, frozen=True):
    """An element of ours, with its attributes; those without a value are empty."""

    name: str
    attributes: dict[str, str]


class SitePage(HTMLParser):
    """Reads a page of a site. Nothing of it is run: what its scripts add later is not seen."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.scripts: list[EmbedScript] = []
        self.elements: list[EmbedElement] = []
        self.keys: list[str] = []
        """Keys that are given in scripts of the page."""
        self._is_in_script, self._is_module = False, False
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what is ours."""
        given = {name: value or "" for name, value in attrs}
        if tag == "script":
            self._is_in_script, self._is_module = True, given.get("type") == "module"
            if given.get("src", "").partition("?")[0].endswith("/embed.js"):
                self.scripts.append(EmbedScript(given["src"], self._is_module))
        elif tag.startswith(_PREFIX):
            self.elements.append(EmbedElement(tag, given))

    def handle_endtag(self, tag: str) -> None:
        """Leave a script."""
        if tag == "script":
            self._is_in_script = False

    def handle_data(self, data: str) -> None:
        """Look through a script for the client and its key."""
        if self._is_in_script and (found := _IMPORT_IN_SCRIPT.search(data)):
            self.scripts.append(EmbedScript(found[1], self._is_module))
            self.keys += _KEY_IN_SCRIPT.findall(data)


Level = Literal["ok", "warning", "error"]


class SiteFinding(msgspec.Struct, frozen=True):
    """One line about the integration; `next_move` says what to do, if anything."""

    level: Level
    message: str
    next_move: str = ""


class EmbedQuery(QueryFields, frozen=True, rename="camel", kw_only=True):
    """The fields that the attribute `query` may have, of any element."""

    limit: int | None = None
    size: int | None = None
    without: list[str] = msgspec.field(default_factory=list)


_QUERIES = msgspec.json.Decoder(EmbedQuery)
Check = Callable[[str], None]


def _unpacked(content: bytes) -> bytes:
    """Return what a server packed by gzip, as `fetch` asks all servers to."""
    if not content.startswith(b"\x1f\x8b"):
        return content
    with suppress(zlib.error):
        # No more than of a page that came unpacked: a small file may unpack to gigabytes.
        return zlib.decompressobj(wbits=31).decompress(content, _PAGE_LIMITS.size)
    return content


def check_site(
    adapters: Adapters, url: str, now: int, check: Check | None = None
) -> Iterator[SiteFinding]:
    """Yield what there is to say of a page; `check` refuses addresses that are not to be asked."""
    url = url.strip()
    try:
        fetched = fetch(url, {}, limits=_PAGE_LIMITS, check=check)
    except NotFetched as error:
        yield SiteFinding("error", str(error), "open the address in a browser, and name that one")
        return
    assert fetched is not None  # nothing older was known
    content = _unpacked(fetched.content)
    page = SitePage(content.decode("utf-8", "replace"))
    origin = origin_of(fetched.url)
    yield SiteFinding("ok", f"the page answers: {len(content):,} bytes from {origin}")
    if not page.scripts and not page.elements:
        yield SiteFinding(
            "error",
            "neither the script nor an element of Pawsonalize is in the page's HTML",
            "put the two lines of docs/how-to/embed-animals.md into it; what a script of the site"
            " adds later is not seen here",
        )
        return
    yield from _scripts(page, fetched.url, check)
    for element in page.elements:
        yield from _element(element)
    yield from _keys(adapters, page, origin, now)
    yield from arrivals(adapters, now)


def origin_of(url: str) -> str:
    """Return the origin of an address, as browsers send it."""
    parts = urlsplit(url)
    usual = {"http": 80, "https": 443}.get(parts.scheme)
    port = "" if parts.port in {None, usual} else f":{parts.port}"
    host = parts.hostname or ""
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{port}"


def _scripts(page: SitePage, url: str, check: Check | None) -> Iterator[SiteFinding]:
    if not page.scripts:
        move = 'add <script type="module" src="https://YOUR-SERVICE/embed.js"></script>'
        yield SiteFinding("error", "the elements are there, and their script is not", move)
    for script in page.scripts:
        yield from _script(script, url, check)


def _script(script: EmbedScript, page_url: str, check: Check | None) -> Iterator[SiteFinding]:
    address, origin = urljoin(page_url, script.address), origin_of(page_url)
    service = origin_of(address)
    if not script.is_module:
        move = 'write <script type="module" …>'
        yield SiteFinding("error", f"the script {address} is no module, so it does not run", move)
    if page_url.startswith("https:") and address.startswith("http:"):
        move = "serve Pawsonalize by HTTPS, and write https:// there"
        yield SiteFinding(
            "error", f"browsers block {address}: the page is secure and it is not", move
        )
    try:
        fetched = fetch(address, {}, limits=_PAGE_LIMITS, check=check)
    except InvalidInput:  # the console asks no server but this one
        move = f"run `pawsonalize check-integration {page_url}` where that server may be asked"
        yield SiteFinding("warning", f"the script {address} was not asked for", move)
        return
    except NotFetched as error:
        move = "visitors need that address too: is it public, and is the service behind it?"
        yield SiteFinding("error", str(error), move)
        return
    if fetched is None or b"pawsonalize-animals" not in _unpacked(fetched.content):
        move = "write the address of your service, and /embed.js"
        yield SiteFinding("error", f"what {address} answers is not our script", move)
        return
    yield SiteFinding("ok", f"the script answers: {address}")
    if service == origin:
        return
    try:
        allowed = preflight(f"{service}/v1/events", origin, _SENT_HEADERS)
    except NotFetched:
        allowed = ""
    if allowed in {origin, "*"}:
        yield SiteFinding("ok", f"browsers may call {service} from pages of {origin} (CORS)")
    else:
        yield SiteFinding(
            "error",
            f"browsers may not call {service} from pages of {origin} (CORS)",
            f"make a key that names it: `{key_for(origin)}`; if there is one, a proxy before the"
            " service keeps OPTIONS requests or the header Origin from it",
        )


def _element(element: EmbedElement) -> Iterator[SiteFinding]:
    name = element.name
    if name not in _OWN:
        likely = likely_name(name, tuple(_OWN)) or ", ".join(sorted(_OWN))
        yield SiteFinding("error", f"there is no element <{name}>", f"write {likely}")
        return
    known, wrong = _ANY_ELEMENT | _OWN[name], 0
    for one in element.attributes:
        if one in known | _OF_HTML or one.startswith(_HTML_PREFIXES):
            continue
        wrong += 1
        right = likely_name(one, tuple(known))
        level: Level = "error" if right else "warning"
        move = f"write {right}" if right else f"it may have {', '.join(sorted(known))}"
        yield SiteFinding(level, f"<{name}> has an attribute {one}, which means nothing", move)
    for finding in _values(element):
        wrong += 1
        yield finding
    if not wrong:
        yield SiteFinding("ok", f"<{name}> is written as it should be")


def _values(element: EmbedElement) -> Iterator[SiteFinding]:
    name, given = element.name, element.attributes
    unknown = UnknownFields()
    try:
        body = given.get("query", "{}").encode()
        check_fields(_QUERIES, body, unknown)
        msgspec.json.decode(body, type=dict)
    except InvalidInput as error:
        yield SiteFinding("error", f"the query of <{name}> is refused: {error}", "mend it")
    except msgspec.MsgspecError:
        yield SiteFinding("error", f"the query of <{name}> is no JSON object", 'write {"limit": 6}')
    for field in unknown:
        move = "take it out, or send it as `context`"
        yield SiteFinding(
            "warning", f"the query of <{name}> has a field {field} without meaning", move
        )
    timeout = given.get("timeout", "1000")
    if not (timeout.isascii() and timeout.isdecimal()):
        yield SiteFinding(
            "error", f"the timeout of <{name}> is {timeout[:20]!r}", "write milliseconds"
        )
    if "key" not in given:
        move = "give it one: `pawsonalize keys create --scope browser --origin ORIGIN`"
        yield SiteFinding("error", f"<{name}> has no key", move)


def _keys(adapters: Adapters, page: SitePage, origin: str, now: int) -> Iterator[SiteFinding]:
    given = [one.attributes["key"] for one in page.elements if one.attributes.get("key")]
    for key in dict.fromkeys([*given, *page.keys]):
        yield _key(adapters, key, origin, now)


def _key(adapters: Adapters, written: str, origin: str, now: int) -> SiteFinding:
    key_id, _, secret = written.partition(".")
    shown, make = key_id[:30], f"make one and put it there: `{key_for(origin)}`"
    found = adapters.access_keys.find(key_id)
    if not secret or found is None or not compare_digest(found[1].encode(), secret.encode()):
        what = "is none of this service, or its part after the dot is wrong"
        return SiteFinding("error", f"the key {shown} {what}", make)
    key = found[0]
    if key.is_expired(now):
        return SiteFinding("error", f"the key {shown} has ended", make)
    if not key.is_public:
        move = f"everybody can read it: `pawsonalize keys rm {shown}`, then {make}"
        return SiteFinding("error", f"the key {shown} may do more than pages should", move)
    if origin not in key.origins:
        return SiteFinding("error", f"the key {shown} is not for pages of {origin}", make)
    if key.last_used_at is None:
        move = "open the page in a browser, and look again a minute later"
        return SiteFinding("warning", f"the key {shown} is right, and nobody has used it yet", move)
    used = iso(key.last_used_at)[:16].replace("T", " ")
    return SiteFinding("ok", f"the key {shown} is right, and was used last at {used} UTC")


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
