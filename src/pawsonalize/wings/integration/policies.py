"""Content security policies, as browsers read them: may a page load a script, or call a server?

https://www.w3.org/TR/CSP3/ has the rules; here are those that the embed meets.
"""

import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Collection, Iterable, Mapping
from hashlib import new as new_hash
from itertools import product
from urllib.parse import SplitResult, unquote, urlsplit

import msgspec

from pawsonalize.fetch import PORTS

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
    """Those of the headers, and of the page in front of it: later ones do not count for it."""
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
