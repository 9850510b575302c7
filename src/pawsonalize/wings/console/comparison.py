"""Two solution versions on the console, side by side for the same visitor or for somebody new."""

import msgspec

from pawsonalize.domain.errors import InvalidInput, NotReady
from pawsonalize.domain.events import Visitor
from pawsonalize.http.json import read_text
from pawsonalize.pages.views import ViewQuery
from pawsonalize.wings.console.visitors import (
    ComparableVersion,
    ExpectedAnswer,
    VisitorLookup,
    VisitorViews,
)


class ComparisonReport(msgspec.Struct, frozen=True, rename="camel"):
    """The answers of two versions to one visitor, both without exploration; null says `whyNot`.

    Without a user and a session it is somebody new. `other` is of the newest version that is not
    live, if none is named; it is null where there is one version alone.
    """

    user_id: str | None
    session_id: str | None
    expected: ExpectedAnswer | None
    other: ExpectedAnswer | None
    why_not: str
    versions: list[ComparableVersion]


def compare_versions(query: ViewQuery, views: VisitorViews) -> ComparisonReport:
    """Return both answers, as parameters ask; NotFound for a version that there is not."""
    given, versions = query.parameters, list(views.versions(query.group))
    visitor = Visitor(read_text(given, "userId"), read_text(given, "sessionId"))
    version, against = read_text(given, "version"), read_text(given, "against")
    if against is None:
        first = version or next((one.name for one in versions if one.is_live), None)
        against = next((one.name for one in versions if one.name != first), None)
    lookup = VisitorLookup(visitor, version=version, against=against)
    expected, other, why_not = None, None, ""
    try:
        expected, other = views.expected(lookup, query.group, query.now)
    except (NotReady, InvalidInput) as error:
        why_not = error.message
    return ComparisonReport(visitor.user_id, visitor.session_id, expected, other, why_not, versions)
