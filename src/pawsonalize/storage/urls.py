"""URLs of PostgreSQL as its own programs write them, with several servers too."""

import re

from sqlalchemy import URL, make_url

_SEVERAL = re.compile(
    r"(?P<scheme>postgres(?:ql)?(?:\+psycopg)?)://(?:(?P<who>[^@/?]*)@)?(?P<hosts>[^@/?]*,[^@/?]*)"
    r"(?P<name>/[^?]*)?(?:\?(?P<rest>.*))?"
)
_ANY_HOST = "several-servers"
_PASSWORDS = ("password", "sslpassword")
_HIDDEN = "***"


def read_url(url: str) -> URL:
    """The URL; of `postgresql://user@one:5432,two:5432/name` the servers are asked in turn.

    With several servers it is the one that takes writes, unless the URL says otherwise
    (`target_session_attrs`). ArgumentError if it is no URL.
    """
    found = _SEVERAL.fullmatch(url)
    if found is None:
        return make_url(url)
    who = f"{found['who']}@" if found["who"] is not None else ""
    one = make_url(f"postgresql://{who}/{(found['name'] or '/')[1:]}?{found['rest'] or ''}")
    if "target_session_attrs" not in one.query:
        one = one.update_query_dict({"target_session_attrs": "read-write"})
    return one.update_query_dict({"host": tuple(found["hosts"].split(","))})


def display_url(url: URL) -> str:
    """The URL for people: without passwords, and several servers as they were written."""
    hidden = {name: _HIDDEN for name in _PASSWORDS if name in url.query}
    url = url.update_query_dict(hidden)
    hosts = url.query.get("host")
    if isinstance(hosts, tuple) and url.host is None:
        url = url.difference_update_query(["host"]).set(host=_ANY_HOST)
        return _text(url).replace(_ANY_HOST, ",".join(hosts), 1)
    return _text(url)


def _text(url: URL) -> str:
    return url.render_as_string(hide_password=True).replace("%2A%2A%2A", _HIDDEN)
