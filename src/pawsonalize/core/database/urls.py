"""URLs of databases; those of PostgreSQL as its own programs write them, with several servers."""

import re

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from pawsonalize.core.errors import InvalidInput

_SEVERAL = re.compile(
    r"(?P<scheme>postgres(?:ql)?(?:\+psycopg)?)://(?:(?P<who>[^@/?]*)@)?(?P<hosts>[^@/?]*,[^@/?]*)"
    r"(?P<name>/[^?]*)?(?:\?(?P<rest>.*))?"
)
_ANY_HOST = "several-servers"  # stands for them while SQLAlchemy writes the URL, with one host
_PASSWORDS = ("password", "sslpassword")
_HIDDEN = "***"


def parse_url(url: str, setting: str) -> URL:
    """Return the URL of a database; InvalidInput names the setting if there is no such one."""
    try:
        parsed = read_url(url)
    except ArgumentError as error:
        raise unusable_url(str(error), setting) from error
    if parsed.get_backend_name() not in {"sqlite", "postgresql"}:
        raise unusable_url(f"there is no adapter for {parsed.get_backend_name()}", setting)
    return parsed


def unusable_url(reason: str, setting: str) -> InvalidInput:
    """Return the error of a URL that names no database for this reason."""
    return InvalidInput(
        f"cannot use this database URL ({reason}): write sqlite:///path/to/file or"
        " postgresql://user@host/name (with the extra pawsonalize[postgres])",
        field=setting,
    )


def read_url(url: str) -> URL:
    """The URL; of `postgresql://user@one:5432,two:5432/name` the servers are asked in turn.

    ArgumentError if it is no URL.
    """
    # With several servers it is the one that takes writes, unless the URL says otherwise
    # (`target_session_attrs`).
    found = _SEVERAL.fullmatch(url)
    if found is None:
        return make_url(url)
    who = f"{found['who']}@" if found["who"] is not None else ""
    # SQLAlchemy takes several hosts only in the query of a URL.
    one = make_url(f"postgresql://{who}/{(found['name'] or '/')[1:]}?{found['rest'] or ''}")
    if "target_session_attrs" not in one.query:
        one = one.update_query_dict({"target_session_attrs": "read-write"})
    return one.update_query_dict({"host": tuple(found["hosts"].split(","))})


def display_url(url: URL) -> str:
    """The URL for people: without passwords, and several servers as they were written."""
    url = url.update_query_dict({name: _HIDDEN for name in _PASSWORDS if name in url.query})
    hosts = url.query.get("host")
    several = ",".join(hosts) if isinstance(hosts, tuple) and url.host is None else ""
    if several:
        url = url.difference_update_query(["host"]).set(host=_ANY_HOST)
    text = url.render_as_string(hide_password=True).replace("%2A%2A%2A", _HIDDEN)
    return text.replace(_ANY_HOST, several, 1) if several else text
