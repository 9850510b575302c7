"""A visit of a site's page as a browser makes it: what it loads, what it calls, what stops it.

A content security policy may stop it: https://www.w3.org/TR/CSP3/ has the rules; here are those
that the embed meets.
"""

import re
import zlib
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping
from contextlib import suppress
from hashlib import new as new_hash
from html.parser import HTMLParser
from itertools import product
from typing import Literal
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

import msgspec

from pawsonalize.core.errors import InvalidInput, NotFetched
from pawsonalize.core.fetch import PORTS, Fetched, Limits, ask_headers, check_url, fetch, origin_of
from pawsonalize.operations.admission import key_for

SCRIPTS = ("script-src-elem", "script-src", "default-src")
CALLS = ("connect-src", "default-src")
Policy = Mapping[str, list[str]]
"""Directives of one policy, with their sources; a page may have several, and all count."""
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
_HOST = re.compile(
    r"(?:([a-z][a-z0-9+.-]*)://)?(\*|(?:\*\.)?[a-z0-9._-]+)(?::(\d+|\*))?(/[^?#]*)?", re.IGNORECASE
)
_HASHES = ("sha256", "sha384", "sha512")
_SECURE = re.compile(r"'(?:nonce-.+|sha(?:256|384|512)-.+|strict-dynamic)'", re.IGNORECASE)


class EmbedScript(msgspec.Struct, frozen=True):
    """A script that is the embed, or imports it; `inline` is the text of one without an address."""

    address: str
    is_module: bool
    nonce: str
    policies: tuple[Policy, ...]
    """Policies of the headers and of the page in front of it: later ones do not count for it."""
    inline: str | None = None
    is_dynamic: bool = False
    """True if a script loads it when it runs: `import()`, or an element that it adds."""


def read_policies(text: str) -> list[Policy]:
    """Read policies, which commas part; of directives with the same name the first counts."""
    policies = ([one.split() for one in part.split(";")] for part in text.split(","))
    return [{one[0].lower(): one[1:] for one in reversed(policy) if one} for policy in policies]


def forbidding(
    policy: Policy, names: Iterable[str], address: str, page: str, script: EmbedScript | None = None
) -> str:
    """Return the directive that forbids a page to load an address, empty if none does.

    The first of `names` that there is counts. An origin alone stands for an address after a
    redirect, of which no path counts.
    """
    directive = next((name for name in names if name in policy), None)
    if directive is None:
        return ""
    sources, url, own = policy[directive], urlsplit(address), urlsplit(page)
    is_allowed = any(_matches(source, url, own) for source in sources)
    if script is not None:
        is_allowed = _may_run(script, sources, is_listed=is_allowed)
    return "" if is_allowed else f"{directive} {' '.join(sources)}".strip()


def _may_run(script: EmbedScript, sources: Collection[str], *, is_listed: bool) -> bool:
    """True for a script with a right nonce or hash, or if its address `is_listed`."""
    words = {source.lower() for source in sources}
    has_nonce = bool(script.nonce) and f"'nonce-{script.nonce}'" in sources
    if script.inline is not None and not has_nonce:
        hashes = {
            f"'{name}-{encode(new_hash(name, script.inline.encode()).digest()).decode()}'"
            for name, encode in product(_HASHES, (b64encode, urlsafe_b64encode))
        }
        is_safe = any(map(_SECURE.fullmatch, sources))
        if hashes.isdisjoint(sources) and (is_safe or "'unsafe-inline'" not in words):
            return False
    if "'strict-dynamic'" in words:
        return has_nonce or script.is_dynamic
    return is_listed or (has_nonce and not script.is_dynamic)


def _matches(source: str, url: SplitResult, page: SplitResult) -> bool:
    if source.lower() == "'self'":
        source = f"{page.scheme}://{page.netloc}"
    if source == "*" or _SCHEME.fullmatch(source):
        return source == "*" or _is_scheme(source[:-1], url.scheme)
    found = _HOST.fullmatch(source)
    if found is None or not _is_scheme(found[1] or page.scheme, url.scheme):
        return False
    default, host = PORTS[url.scheme], (url.hostname or "").lower()
    named, path, actual = found[2].lower(), unquote(found[4] or "/"), unquote(url.path)
    is_host = host.endswith(named[1:]) if named.startswith("*") else host == named
    is_port = (found[3] or str(default)) in {"*", str(url.port or default)}
    is_below = path.endswith("/") and actual.startswith(path)
    return is_host and is_port and (is_below or actual in {"", path})


def _is_scheme(source: str, actual: str) -> bool:
    return source.lower() in {actual, actual.replace("https", "http")}


_LIMITS = Limits(size=8 << 20, silence=10, total=20)
_FINE, _REFUSED = range(200, 300), (0, 401, 403)
_POLICY = "content-security-policy"
_KEY_IN_SCRIPT = re.compile(r"""\bkey\s*:\s*["'`]([^"'`\s]{1,200})["'`]""")
# Behind `from` or `import` it is loaded with the script, else when a line of the script runs.
_IMPORT_IN_SCRIPT = re.compile(
    r"""(\b(?:from|import)\s*)?["'`]([^"'`\s]{1,500}/embed\.js(?:\?[^"'`\s]{0,100})?)["'`]"""
)
EVENTS = "/v1/events"
Check = Callable[[str], None]
Level = Literal["ok", "warning", "error"]


class SiteFinding(msgspec.Struct, frozen=True):
    """One line about the integration; `next_move` says what to do, if anything."""

    level: Level
    message: str
    next_move: str = ""


class _SitePage(HTMLParser):
    """Reads a page of a site. Nothing of it is run: what its scripts add later is not seen."""

    def __init__(self, html: str, policies: str) -> None:
        super().__init__()
        self.scripts: list[EmbedScript] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        """Elements of ours, with their attributes; those without a value are empty."""
        self.keys: list[str] = []
        """Keys that are given in scripts of the page."""
        self.policies = read_policies(policies)
        """Policies of its headers, then its own."""
        self._script: EmbedScript | None = None
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what is ours, and what forbids it."""
        given = {name: value or "" for name, value in attrs}
        if tag == "script":
            self._script = EmbedScript(
                given.get("src", ""),
                given.get("type", "").strip().lower() == "module",
                given.get("nonce", ""),
                tuple(self.policies),
            )
            if self._script.address.partition("?")[0].endswith("/embed.js"):
                self.scripts.append(self._script)
        elif tag == "meta" and given.get("http-equiv", "").lower() == _POLICY:
            self.policies += read_policies(given.get("content", ""))
        elif tag.startswith("pawsonalize-"):
            self.elements.append((tag, given))

    def handle_endtag(self, tag: str) -> None:
        """Leave a script."""
        if tag == "script":
            self._script = None

    def handle_data(self, data: str) -> None:
        """Look through a script for the client and its key."""
        if self._script is not None and (found := _IMPORT_IN_SCRIPT.search(data)):
            script = msgspec.structs.replace(
                self._script,
                address=found[2],
                inline=data.replace("\r\n", "\n"),
                is_dynamic=found[1] is None,
                is_module=self._script.is_module or found[1] is None,
            )
            self.scripts.append(script)
            self.keys += _KEY_IN_SCRIPT.findall(data)


def fetch_unpacked(url: str, check: Check | None, **headers: str) -> Fetched:
    """Fetch, and unpack what a server packed by gzip, as `fetch` asks all servers to."""
    fetched = fetch(url, headers, limits=_LIMITS, check=check)
    assert fetched is not None  # nothing older was known
    content = fetched.content
    if content.startswith(b"\x1f\x8b"):
        with suppress(zlib.error):
            # No more than of a page that came unpacked: a small file may unpack to gigabytes.
            content = zlib.decompressobj(wbits=31).decompress(content, _LIMITS.size)
    return msgspec.structs.replace(fetched, content=content)


class SiteVisit:
    """Loads and calls what a page would, by its policies and from its origin."""

    def __init__(self, fetched: Fetched, check: Check | None) -> None:
        self.url, self.origin, self._check = fetched.url, origin_of(fetched.url), check
        policies = ",".join(fetched.headers.get_all(_POLICY, ()))
        self.page = _SitePage(fetched.content.decode("utf-8", "replace"), policies)

    def resolve(self, written: str) -> str:
        """Return the whole address of one that is written in the page."""
        with suppress(ValueError):  # what is none is said where it is used
            return urljoin(self.url, written)
        return written

    def load(self, script: EmbedScript) -> Generator[SiteFinding, None, str]:
        """Load a script of the page; return the origin of its service, empty without an answer."""
        address = self.resolve(script.address)
        if not script.is_module:
            move = 'write <script type="module" …>'
            yield _error(f"the script {address} is no module, so it does not run", move)
        if not (yield from self._is_address(address)):
            return ""
        try:
            fetched = fetch_unpacked(address, self._check, Origin=self.origin)
        except InvalidInput:  # the console asks no server but this one
            move = f"run `pawsonalize check-integration {self.url}` where that server may be asked"
            yield SiteFinding("warning", f"the script {address} was not asked for", move)
        except NotFetched as error:
            move = "visitors need that address too: is it public, and is the service behind it?"
            yield _error(str(error), move)
        else:
            if b"pawsonalize-animals" in fetched.content:
                yield SiteFinding("ok", f"the script answers: {address}")
                yield from self._runs(script, address, fetched)
                return origin_of(address)
            move = "write the address of your service, and /embed.js"
            yield _error(f"what {address} answers is not our script", move)
        return ""

    def _runs(self, script: EmbedScript, address: str, fetched: Fetched) -> Iterator[SiteFinding]:
        """Find what keeps a script that answers from running."""
        service, source = origin_of(address), origin_of(fetched.url)
        for policy in script.policies:
            # Both ends of a redirect count.
            ends = (forbidding(policy, SCRIPTS, one, self.url, script) for one in (address, source))
            if rule := next(filter(None, ends), ""):
                yield _forbidden(rule, f"the script {address}", service, "script-src")
        allowed = fetched.headers["Access-Control-Allow-Origin"]
        if source != self.origin and allowed not in {"*", self.origin}:
            move = "let the server in front of the service hand its headers on"
            yield _error(f"the script {address} comes without Access-Control-Allow-Origin", move)

    def reach(self, service: str) -> Generator[SiteFinding, None, bool]:
        """Ask whether the page may call a service; return True if the service can be asked."""
        address = f"{service}{EVENTS}"
        if not (yield from self._is_address(address)):
            return False
        for policy in self.page.policies:
            if rule := forbidding(policy, CALLS, address, self.url):
                yield _forbidden(rule, f"calls of {service}", service, "connect-src")
        if origin_of(service) == self.origin:
            return True
        try:
            is_allowed = self._preflight(address)
        except InvalidInput:  # the console asks no server but this one
            return False
        who = f"call {service} from pages of {self.origin} (CORS)"
        if is_allowed:
            yield SiteFinding("ok", f"browsers may {who}")
        else:
            yield _error(
                f"browsers may not {who}",
                f"make a key that names it: `{key_for(self.origin)}`; if there is one, a proxy"
                " before the service keeps OPTIONS requests or headers from it",
            )
        return is_allowed

    def _preflight(self, address: str) -> bool:
        wanted = {"authorization", "content-type"}
        if any("visitor-token" in given for _, given in self.page.elements):
            wanted.add("pawsonalize-visitor")
        sent = {"Origin": self.origin, "Access-Control-Request-Method": "POST"}
        sent["Access-Control-Request-Headers"] = ",".join(sorted(wanted))
        status, given = ask_headers(address, "OPTIONS", sent, check=self._check)
        headers = given.get("Access-Control-Allow-Headers", "").lower().replace(" ", "").split(",")
        is_ours = given["Access-Control-Allow-Origin"] in {self.origin, "*"}
        return status in _FINE and is_ours and wanted <= {*headers}

    def why_refused(self, service: str, key: str) -> str:
        """Send no event with a key, as the page would; return why that is refused, or nothing."""
        if not service:
            return "no call was made"
        headers = {"Origin": self.origin, "Content-Type": "application/json"}
        if key:  # the embed sends no empty one
            headers["Authorization"] = f"Bearer {key}"
        address, none = f"{service}{EVENTS}", b'{"events": []}'
        status, _ = ask_headers(address, "POST", headers, none, self._check)
        return f"the service answers {status or 'nothing'}" if status in _REFUSED else ""

    def _is_address(self, address: str) -> Generator[SiteFinding, None, bool]:
        try:
            check_url(address)
        except InvalidInput:
            yield _error(f"{address[:100]} is no address", "write https://YOUR-SERVICE")
            return False
        if self.url.startswith("https:") and address.startswith("http:"):
            move = "serve Pawsonalize by HTTPS, and write https:// there"
            yield _error(f"browsers block {address}: the page is secure and it is not", move)
        return True


def _error(message: str, move: str) -> SiteFinding:
    return SiteFinding("error", message, move)


def _forbidden(rule: str, what: str, service: str, name: str) -> SiteFinding:
    message = f"the page's Content-Security-Policy forbids {what}: {rule[:100]}"
    return _error(message, f"add {service} to {name}")
