"""Content security policies, as browsers read them: may a page load a script, or call a server?

https://www.w3.org/TR/CSP3/ has the rules; here are those that the embed meets.
"""

import re
from base64 import b64encode
from collections.abc import Iterable, Mapping
from hashlib import new as new_hash
from urllib.parse import SplitResult, unquote, urlsplit

import msgspec

SCRIPTS = ("script-src-elem", "script-src", "default-src")
CALLS = ("connect-src", "default-src")
IMAGES = ("img-src", "default-src")
_ONLY_IN_HEADERS = ("sandbox", "frame-ancestors", "report-uri")
_PORTS = {"http": 80, "https": 443}
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
_HOST = re.compile(
    r"(?:([a-z][a-z0-9+.-]*)://)?(\*|(?:\*\.)?[a-z0-9._-]+)(?::(\d+|\*))?(/[^?#]*)?", re.IGNORECASE
)
_SECURE = re.compile(r"'(?:nonce-.+|sha(?:256|384|512)-.+|strict-dynamic)'", re.IGNORECASE)


class EmbedScript(msgspec.Struct, frozen=True):
    """A script that is the embed, or imports it; `inline` is the text of one without an address."""

    address: str
    is_module: bool
    nonce: str = ""
    inline: str | None = None
    is_dynamic: bool = False
    """True if a script loads it when it runs: `import()`, or an element that it adds."""
    policies: int = 0
    """Number of policies of the page's head in front of it; later ones do not count for it."""


class ContentPolicy(msgspec.Struct, frozen=True):
    """One policy; a page may have several, and all of them count."""

    directives: Mapping[str, tuple[str, ...]]

    def source_list(self, names: Iterable[str]) -> tuple[str, tuple[str, ...]] | None:
        """Return the first directive that there is, and its sources; None if all is allowed."""
        found = ((one, self.directives[one]) for one in names if one in self.directives)
        return next(found, None)

    def allows(
        self, names: Iterable[str], address: str, page: str, *, redirected: bool = False
    ) -> bool:
        """True if the page may load that address; after a redirect no path counts."""
        found = self.source_list(names)
        url, own = urlsplit(address), urlsplit(page)
        return found is None or any(_matches(one, url, own, redirected) for one in found[1])

    def allows_script(
        self, script: EmbedScript, address: str, page: str, *, redirected: bool = False
    ) -> bool:
        """True if the page may run the script, which is at that address."""
        found = self.source_list(SCRIPTS)
        if found is None:
            return True
        sources = found[1]
        words = {one.lower() for one in sources}
        has_nonce = bool(script.nonce) and f"'nonce-{script.nonce}'" in sources
        if script.inline is not None and not has_nonce:
            hashed = any(_hashes(one.strip("'"), script.inline.encode()) for one in sources)
            secure = any(map(_SECURE.fullmatch, sources))
            if not (hashed or ("'unsafe-inline'" in words and not secure)):
                return False
        if has_nonce and not (script.is_dynamic and "'strict-dynamic'" not in words):
            return True
        if "'strict-dynamic'" in words:
            return script.is_dynamic
        return self.allows(SCRIPTS, address, page, redirected=redirected)


def read_policies(text: str, *, of_meta: bool = False) -> list[ContentPolicy]:
    """Read the policies of a header, which commas part, or of an element `meta`."""
    policies = []
    for part in [text] if of_meta else text.split(","):
        directives: dict[str, tuple[str, ...]] = {}
        for one in part.split(";"):
            name, *sources = one.split() or [""]
            if name and not (of_meta and name.lower() in _ONLY_IN_HEADERS):
                directives.setdefault(name.lower(), tuple(sources))
        if directives:
            policies.append(ContentPolicy(directives))
    return policies


def _hashes(expression: str, content: bytes) -> bool:
    name, _, digest = expression.partition("-")
    if name.lower() not in {"sha256", "sha384", "sha512"}:
        return False
    made = b64encode(new_hash(name.lower(), content).digest()).decode()
    return made == digest.replace("-", "+").replace("_", "/")


def _matches(source: str, url: SplitResult, page: SplitResult, redirected: bool) -> bool:
    port, host = url.port or _PORTS.get(url.scheme), (url.hostname or "").lower()
    if source.lower() == "'self'":
        source = f"{page.scheme}://{page.netloc}"
    if source == "*" or _SCHEME.fullmatch(source):
        return source == "*" or _is_scheme(source[:-1], url.scheme)
    found = _HOST.fullmatch(source)
    if found is None or not _is_scheme(found[1] or page.scheme, url.scheme):
        return False
    named, path = found[2].lower(), unquote(found[4] or "")
    is_host = host.endswith(named[1:]) if named.startswith("*") else host == named
    is_port = (found[3] or str(_PORTS[url.scheme])) in {"*", str(port)}
    is_path = redirected or path in {"", "/"} or unquote(url.path) == path
    is_below = path.endswith("/") and unquote(url.path).startswith(path)
    return is_host and is_port and (is_path or is_below)


def _is_scheme(source: str, actual: str) -> bool:
    return source.lower() in {actual, actual.replace("https", "http")}
