"""Quick search on pages for operators: each plugin finds what is its own, by id or by name."""

from collections.abc import Callable, Iterable

import msgspec

from pawsonalize.app.pages.shell import links
from pawsonalize.app.pages.views import ViewQuery
from pawsonalize.core.limits import parse_id
from pawsonalize.core.plugin import added


class Hit(msgspec.Struct, frozen=True):
    """Something that was found: its kind in a word, its name, and the page that is about it."""

    kind: str
    name: str
    path: str
    note: str = ""


class FoundHits(msgspec.Struct, frozen=True):
    """Hits of a quick search."""

    hits: list[Hit]

    @property
    def only_page(self) -> str | None:
        """The page to open at once: that of a single hit."""
        return self.hits[0].path if len(self.hits) == 1 else None


class Finder(msgspec.Struct, frozen=True):
    """A function that finds things of a plugin, which adds this to its `console_pages`."""

    find: Callable[[ViewQuery, str], Iterable[Hit]]


def find_hits(query: ViewQuery) -> FoundHits:
    """Return hits of plugins and pages for the parameter `q`; InvalidInput without it."""
    text = parse_id(query.parameters.get("q"), "q")
    finders = [part for part in added("console_pages") if isinstance(part, Finder)]
    found = [hit for finder in finders for hit in finder.find(query, text)]
    of_pages = (
        Hit("page", name, path) for name, path in links() if text.casefold() in name.casefold()
    )
    return FoundHits([*found, *of_pages])
