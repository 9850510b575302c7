"""A visit of a site's page as a browser makes it: what it loads, what it calls, what stops it."""

import zlib
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from typing import Literal
from urllib.parse import urljoin, urlsplit

import msgspec

from pawsonalize.access.admission import key_for
from pawsonalize.domain.errors import InvalidInput, NotFetched
from pawsonalize.fetch import Fetched, Limits, ask_as_page, check_url, fetch
from pawsonalize.wings.integration.policies import (
    CALLS,
    IMAGES,
    SCRIPTS,
    ContentPolicy,
    EmbedScript,
    read_policies,
)
from pawsonalize.wings.integration.site_page import POLICY, SitePage

PAGE_LIMITS = Limits(size=8 << 20, silence=10, total=20)
_FINE, _REFUSED = range(200, 300), (0, 401, 403)
EVENTS = "/v1/events"
Check = Callable[[str], None]
Level = Literal["ok", "warning", "error"]


class SiteFinding(msgspec.Struct, frozen=True):
    """One line about the integration; `next_move` says what to do, if anything."""

    level: Level
    message: str
    next_move: str = ""


def unpacked(content: bytes) -> bytes:
    """Return what a server packed by gzip, as `fetch` asks all servers to."""
    if not content.startswith(b"\x1f\x8b"):
        return content
    with suppress(zlib.error):
        # No more than of a page that came unpacked: a small file may unpack to gigabytes.
        return zlib.decompressobj(wbits=31).decompress(content, PAGE_LIMITS.size)
    return content


def origin_of(url: str) -> str:
    """Return the origin of an address, as browsers send it."""
    parts = urlsplit(url)
    usual = {"http": 80, "https": 443}.get(parts.scheme)
    port = "" if parts.port in {None, usual} else f":{parts.port}"
    host = parts.hostname or ""
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{port}"


class SiteVisit(msgspec.Struct, frozen=True):
    """Loads and calls what a page would, by its policies and from its origin."""

    url: str
    origin: str
    policies: tuple[ContentPolicy, ...]
    """Those of its headers."""
    page: SitePage
    check: Check | None = None

    @classmethod
    def begin(cls, fetched: Fetched, check: Check | None) -> "SiteVisit":
        """Read a page that was fetched."""
        named = (text for name, text in fetched.headers if name.lower() == POLICY)
        policies = tuple(policy for text in named for policy in read_policies(text))
        origin = origin_of(fetched.url)
        for policy in policies:
            if "allow-same-origin" not in policy.directives.get("sandbox", ("allow-same-origin",)):
                origin = "null"
        page = SitePage(unpacked(fetched.content).decode("utf-8", "replace"))
        return cls(fetched.url, origin, policies, page, check)

    def sandbox(self) -> Iterator[SiteFinding]:
        """Find a policy that takes scripts or the origin away from the page."""
        for policy in self.policies:
            for word, lacks in (("scripts", "scripts"), ("same-origin", "an origin")):
                if f"allow-{word}" not in policy.directives.get("sandbox", (f"allow-{word}",)):
                    move = f"add allow-{word} to `sandbox`, or leave sandbox out"
                    yield _error(f"a policy of the page (sandbox) takes {lacks} from it", move)

    def resolve(self, written: str) -> str:
        """Return the whole address of one that is written in the page."""
        with suppress(ValueError):  # what is none is said where it is used
            return urljoin(self.url, written)
        return written

    def load(self, script: EmbedScript) -> Generator[SiteFinding, None, str | None]:
        """Load a script of the page; return the origin of its service, if that answers it."""
        address = self.resolve(script.address)
        if not script.is_module:
            move = 'write <script type="module" …>'
            yield _error(f"the script {address} is no module, so it does not run", move)
        if not (yield from self._is_address(address)):
            return None
        try:
            fetched = fetch(address, {"Origin": self.origin}, limits=PAGE_LIMITS, check=self.check)
        except InvalidInput:  # the console asks no server but this one
            move = f"run `pawsonalize check-integration {self.url}` where that server may be asked"
            yield SiteFinding("warning", f"the script {address} was not asked for", move)
            return None
        except NotFetched as error:
            move = "visitors need that address too: is it public, and is the service behind it?"
            yield _error(str(error), move)
            return None
        content = b"" if fetched is None else unpacked(fetched.content)
        if fetched is None or b"pawsonalize-animals" not in content:
            move = "write the address of your service, and /embed.js"
            yield _error(f"what {address} answers is not our script", move)
            return None
        yield SiteFinding("ok", f"the script answers: {address}")
        yield from self._runs(script, address, fetched)
        return origin_of(address)

    def _runs(self, script: EmbedScript, address: str, fetched: Fetched) -> Iterator[SiteFinding]:
        """Find what keeps a script that answers from running."""
        for policy in (*self.policies, *self.page.policies[: script.policies]):
            if not (
                policy.allows_script(script, address, self.url)
                and policy.allows_script(script, fetched.url, self.url, redirected=True)
            ):
                yield _forbidden(policy, SCRIPTS, f"the script {address}", origin_of(address))
        allowed = fetched.header("Access-Control-Allow-Origin")
        if origin_of(fetched.url) != self.origin and allowed not in {"*", self.origin}:
            move = "let the server in front of the service hand its headers on"
            yield _error(f"the script {address} comes without Access-Control-Allow-Origin", move)

    def reach(self, service: str) -> Generator[SiteFinding, None, bool]:
        """Ask whether the page may call a service; return True if the service can be asked."""
        address = f"{service}{EVENTS}"
        if not (yield from self._is_address(address)):
            return False
        for policy in (*self.policies, *self.page.policies):
            if not policy.allows(CALLS, address, self.url):
                yield _forbidden(policy, CALLS, f"calls of {service}", service)
            if not policy.allows(IMAGES, f"{service}/portrait.svg", self.url):
                finding = _forbidden(policy, IMAGES, f"drawings of {service}", service)
                yield msgspec.structs.replace(finding, level="warning")
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
        if any("visitor-token" in one.attributes for one in self.page.elements):
            wanted.add("pawsonalize-visitor")
        sent = {
            "Origin": self.origin,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": ",".join(sorted(wanted)),
        }
        status, answered = ask_as_page(address, "OPTIONS", sent, check=self.check)
        given = {name.lower(): value for name, value in answered.items()}
        headers = given.get("access-control-allow-headers", "").lower().replace(" ", "").split(",")
        is_ours = given.get("access-control-allow-origin") in {self.origin, "*"}
        return status in _FINE and is_ours and wanted <= {*headers}

    def why_refused(self, service: str, key: str) -> str:
        """Send no event with a key, as the page would; return why that is refused, or nothing."""
        headers = {"Origin": self.origin, "Content-Type": "application/json"}
        if key:  # the embed sends no empty one
            headers["Authorization"] = f"Bearer {key}"
        sent = (f"{service}{EVENTS}", "POST", headers, b'{"events": []}')
        status, _ = ask_as_page(*sent, check=self.check)
        return f"the service answers {status or 'nothing'}" if status in _REFUSED else ""

    def _is_address(self, address: str) -> Generator[SiteFinding, None, bool]:
        try:
            check_url(address)
            origin_of(address)
        except (InvalidInput, ValueError):  # such as a port that is none
            yield _error(f"{address[:100]} is no address", "write https://YOUR-SERVICE")
            return False
        if self.url.startswith("https:") and address.startswith("http:"):
            move = "serve Pawsonalize by HTTPS, and write https:// there"
            yield _error(f"browsers block {address}: the page is secure and it is not", move)
        return True


def _error(message: str, move: str) -> SiteFinding:
    return SiteFinding("error", message, move)


def _forbidden(
    policy: ContentPolicy, names: tuple[str, ...], what: str, service: str
) -> SiteFinding:
    directive, sources = policy.source_list(names) or ("", ())
    rule = f"{directive} {' '.join(sources)}".strip()
    name = "script-src" if names is SCRIPTS else names[0]
    return _error(
        f"the page's Content-Security-Policy forbids {what}: {rule[:100]}",
        f"add {service} to {name}",
    )
