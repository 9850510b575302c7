"""The pages of feeds that come in pages: where the next one is."""

from contextlib import suppress
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit, urlunsplit

import msgspec


class _Link(msgspec.Struct, frozen=True):
    href: str | None = None


class _Links(msgspec.Struct, frozen=True):
    next: _Link | str | None = None


class _Pagination(msgspec.Struct, frozen=True):
    """Petfinder's: `{"current_page": 1, "total_pages": 9, "_links": {"next": {"href": …}}}`."""

    current_page: int | None = None
    total_pages: int | None = None
    links: _Links = msgspec.field(default_factory=_Links, name="_links")


class _Meta(msgspec.Struct, frozen=True, rename="camel"):
    """RescueGroups': `{"pageReturned": 1, "pages": 9}`."""

    page_returned: int | None = None
    pages: int | None = None


class _Page(msgspec.Struct, frozen=True):
    pagination: _Pagination = msgspec.field(default_factory=_Pagination)
    meta: _Meta = msgspec.field(default_factory=_Meta)
    links: _Links = msgspec.field(default_factory=_Links)  # JSON:API's


_PAGE = msgspec.json.Decoder(_Page)


def next_page(url: str, content: bytes) -> str | None:
    """The address of the page after this one; None after the last, and if there are no pages."""
    page = None
    if content.lstrip()[:1] == b"{":
        with suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            page = _PAGE.decode(content)
    if page is None:
        return None
    for link in (page.pagination.links.next, page.links.next):
        href = link.href if isinstance(link, _Link) else link
        if href:
            return urljoin(url, href)
    for current, last in (
        (page.pagination.current_page, page.pagination.total_pages),
        (page.meta.page_returned, page.meta.pages),
    ):
        if current is not None and last is not None and current < last:
            return _numbered(url, current + 1)
    return None


def _numbered(url: str, page: int) -> str:
    parts = urlsplit(url)
    query = [pair for pair in parse_qsl(parts.query, True) if pair[0] != "page"]
    return urlunsplit(parts._replace(query=urlencode([*query, ("page", page)])))
