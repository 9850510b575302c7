"""The file that lists feeds to fetch.

```yaml
north:
  url: https://api.example.org/v5/public/animals/search/available
  format: rescuegroups
  headers: {Authorization: "${RESCUEGROUPS_KEY}"}
  schedule: rate(1 hour)
  complete: true
```

`${NAME}` stands for an environment variable, so that secrets need not be in the file.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec
import yaml

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.engine.ingest.importing.text_form import read_text_form
from pawsonalize.fetch import check_url
from pawsonalize.kinds.resource import is_name
from pawsonalize.wings.feeds.formats import FeedForm
from pawsonalize.wings.feeds.importing import FeedImport
from pawsonalize.wings.feeds.mapping import NO_MAPPING, ValueMapping
from pawsonalize.wings.feeds.sources import FeedSource
from pawsonalize.wings.feeds.table import TableForm, by_upper_names, read_date_order

_VARIABLE = re.compile(r"\$\{(\w+)\}")


class FeedEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One feed of the file; the options of `animals import`, and when to fetch it."""

    url: str
    headers: dict[str, str] = {}
    schedule: str = "rate(1 hour)"
    time_zone: str = "UTC"
    format: str | None = None
    complete: bool = False
    source: str = ""
    encoding: str | None = None
    separator: str | None = None
    columns: dict[str, str] = {}
    dates: str | None = None
    map: str | None = None


@dataclass(frozen=True, slots=True)
class ListedFeed:
    """A feed as the file has it; its schedule is text still, empty for never."""

    source: FeedSource
    schedule: str
    time_zone: str


def read_feeds(path: Path, environment: Mapping[str, str]) -> dict[str, ListedFeed]:
    """The feeds of a file by their names; InvalidInput names what is wrong, and where."""
    try:
        told = yaml.safe_load(path.read_text(encoding="utf-8-sig")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InvalidInput(
            f"the feeds file {path} cannot be read: {error}", field="feeds_file"
        ) from error
    if not isinstance(told, dict):
        raise InvalidInput(f"{path} must have a name, and below it the feed", field="feeds_file")
    feeds = {}
    for name, entry in told.items():
        try:
            feeds[str(name)] = _listed(str(name), entry, environment)
        except (InvalidInput, msgspec.ValidationError) as error:
            raise InvalidInput(f"{path}, feed {name}: {error}", field="feeds_file") from error
    _check_apart(feeds)
    return feeds


def filled_in(text: str, environment: Mapping[str, str]) -> str:
    """The text with environment variables in their places; InvalidInput for one not set."""

    def value(found: re.Match[str]) -> str:
        if found[1] not in environment:
            raise InvalidInput(f"the environment variable {found[1]} is not set: set it")
        return environment[found[1]]

    return _VARIABLE.sub(value, text)


def read_header(text: str, environment: Mapping[str, str]) -> tuple[str, str]:
    """Name and value of a header as HTTP writes it, `Name: value`."""
    name, colon, value = text.partition(":")
    if not colon:
        raise InvalidInput("a header is written Name: value", field="header")
    return checked_header(name.strip(), filled_in(value.strip(), environment))


def checked_header(name: str, value: str) -> tuple[str, str]:
    """The header; InvalidInput, without its value, if it cannot be one."""
    if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name) or not value.isprintable():
        raise InvalidInput(f"the header {name!r} is none: write Name: value on one line")
    if not value.isascii():
        raise InvalidInput(f"the header {name} has letters that HTTP does not carry")
    return name, value


def _listed(name: str, told: object, environment: Mapping[str, str]) -> ListedFeed:
    if not is_name(name):
        raise InvalidInput("its name must be of letters, digits, - and _")
    entry = msgspec.convert(told, FeedEntry)
    url = filled_in(entry.url, environment)
    check_url(url)
    headers = dict(
        checked_header(key, filled_in(value, environment)) for key, value in entry.headers.items()
    )
    text = read_text_form(entry.encoding, entry.separator)
    columns = by_upper_names(entry.columns)
    table = TableForm(text.separator, read_date_order(entry.dates), columns)
    mapping = NO_MAPPING if entry.map is None else ValueMapping.read(Path(entry.map))
    return ListedFeed(
        FeedSource(
            url,
            headers,
            FeedForm(entry.format, text.encoding, table),
            FeedImport(entry.source, entry.complete, mapping=mapping),
        ),
        entry.schedule,
        entry.time_zone,
    )


def _check_apart(feeds: Mapping[str, ListedFeed]) -> None:
    """InvalidInput if a complete feed would take another one's animals for gone."""
    sources: dict[str, str] = {}
    complete = {name for name, feed in feeds.items() if feed.source.how.complete}
    for name, feed in feeds.items():
        other = sources.setdefault(feed.source.how.source, name)
        if other != name and complete & {name, other}:
            raise InvalidInput(
                f"feeds {other} and {name} have the same source, and one of them is complete: it"
                " would remove the other's animals. Give each a source of its own",
                field="feeds_file",
            )
