"""The time that a page of the console is about, as its address says; links carry it on."""

import re
from collections.abc import Iterable, Mapping
from datetime import date

import msgspec
from markupsafe import escape

from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.http.operation import RequestParameter
from pawsonalize.core.times import DAY, EARLIEST, HOUR, LATEST, iso
from pawsonalize.site.rendering import with_query

CHOICES = ("24h", "7d", "30d", "90d")
NAMES = ("period", "from", "to")
"""Parameters that say the time, and that links of the console carry on."""
PARAMETERS = (
    RequestParameter("period", "The newest hours or days, such as 24h or 30d."),
    RequestParameter("from", "From this day on (2026-05-01, UTC), in place of `period`."),
    RequestParameter("to", "To the end of this day; today if left out."),
)
_SPAN = re.compile(r"([1-9]\d{0,3})([hd])", re.ASCII)
# Text of others is escaped, quotes too: only links and forms of templates look like this.
_LINK = re.compile(r'href="(/console[^"#]*)(#[^"]*)?"')
_FORM = re.compile(r'<form(?=[^>]*method="get")(?=[^>]*action="/console)(?! data-period)[^>]*>')
_CARRIES = re.compile(rf"[?;&]({'|'.join(NAMES)})=")
_UNITS = {"h": (HOUR, "hours"), "d": (DAY, "days")}


class PagePeriod(msgspec.Struct, frozen=True):
    """From the moment `since` to before `until`; `name` is such as 7d, empty between two dates."""

    since: int
    until: int
    name: str

    @classmethod
    def of(cls, given: Mapping[str, str], now: int, usual: str) -> "PagePeriod":
        """Return the period of the parameters, or the usual one; InvalidInput for a bad one."""
        first, last = _day(given, "from"), _day(given, "to")
        if first is None and last is None:
            days = given.get("days")  # an older name, which links and programs have
            name = given.get("period", usual if days is None else f"{days}d")
            return cls(now - _length(name), now, name)
        if "period" in given:
            raise InvalidInput("give either period or from and to, not both", field="period")
        # The end of a day, so that it is the same time the whole day long.
        until = (now // DAY * DAY if last is None else last) + DAY
        since = until - _length(usual) if first is None else first
        if since >= min(until, now):
            raise InvalidInput(
                f"from ({given.get('from')}) must lie before now, and no later than to",
                field="from",
            )
        return cls(since, until, "")

    @property
    def first_day(self) -> str:
        """Its first day, as a field of a form has it."""
        return iso(self.since)[:10]

    @property
    def last_day(self) -> str:
        """Its last day."""
        return iso(self.until - 1)[:10]

    def holds(self, at: str) -> bool:
        """True if a moment, in ISO 8601, is within the period."""
        return iso(self.since) <= at < iso(self.until)

    @property
    def days(self) -> int:
        """Number of days, rounded up."""
        return -(-(self.until - self.since) // DAY)

    def choices(self, more: Iterable[str]) -> list[tuple[str, str]]:
        """Return the periods that a page offers, `more` among them: names and words."""
        names = sorted({*CHOICES, *more, self.name} - {""}, key=_length)
        return [(name, f"{name[:-1]} {_UNITS[name[-1]][1]}") for name in names]


def keep_period(page: bytes, given: Mapping[str, str]) -> bytes:
    """Return the HTML with the period of its address added to its links and forms."""
    kept = {name: given[name] for name in NAMES if name in given}
    if not kept:
        return page
    query = escape(with_query("", kept)[1:])
    fields = "".join(
        f'<input type="hidden" name="{name}" value="{escape(text)}">' for name, text in kept.items()
    )

    def with_time(link: re.Match[str]) -> str:
        path = link[1]
        if _CARRIES.search(path):
            return link[0]
        return f'href="{path}{"&amp;" if "?" in path else "?"}{query}{link[2] or ""}"'

    return _FORM.sub(lambda form: form[0] + fields, _LINK.sub(with_time, page.decode())).encode()


def _length(name: str) -> int:
    match = _SPAN.fullmatch(name)
    if match is None:
        raise InvalidInput(
            f"period must be hours or days, such as 24h or 30d, not {name[:40]!r}", field="period"
        )
    return int(match[1]) * _UNITS[match[2]][0]


def _day(given: Mapping[str, str], name: str) -> int | None:
    if name not in given:
        return None
    try:
        day = date.fromisoformat(given[name])
    except ValueError:
        day = date.min
    moment = (day - date(1970, 1, 1)).days * DAY
    if not EARLIEST <= moment < LATEST:
        raise InvalidInput(
            f"{name} must be a day of 1990 to 2099, such as 2026-05-31, not {given[name][:40]!r}",
            field=name,
        )
    return moment
