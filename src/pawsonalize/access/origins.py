"""Origins: the page that sent a request and the name that it used, as browsers report them."""

from collections.abc import Collection
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from starlette.datastructures import Headers


def foreign_origin(headers: Headers, names: Collection[str]) -> str | None:
    """The origin of a page of another site; None for our own pages, and for what is no browser.

    `names` are hosts by which browsers reach the service, beside the one that was asked: behind a
    proxy, the two differ.
    """
    origin = headers.get("origin")
    if origin is None:
        # Old browsers, and requests that need no CORS: they still say whether they cross sites.
        return "another site" if headers.get("sec-fetch-site") == "cross-site" else None
    page = _parts(origin)
    if page is not None and (page.netloc == headers.get("host") or page.hostname in names):
        return None
    return origin


def key_for(origin: str) -> str:
    """The command that makes a key for the origin's pages."""
    named = origin[:200] if "://" in origin else "ORIGIN"
    return f"pawsonalize keys create --scope browser --origin {named}"


def is_of_this_machine(host: str, names: Collection[str]) -> bool:
    """Whether a request by this `Host` was meant for us: an address, a local name, or our own.

    A page elsewhere can make its own name point at our address. Such a name has a dot: nobody in
    the internet owns one without, as machines and containers in a local network have.
    """
    page = _parts(f"//{host}")
    name = "" if page is None else page.hostname or ""
    if "." not in name or name.endswith(".localhost") or name in names:
        return True
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _parts(url: str) -> SplitResult | None:
    try:
        return urlsplit(url)
    except ValueError:
        return None
