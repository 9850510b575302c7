"""Headers of a caller that wants to be counted as another one each time."""

from collections.abc import Iterator

CALLER = "203.0.113.9"
"""The address of the caller, as a proxy sees it."""
Headers = list[tuple[str, str]]

_VALUES = (
    "1.2.3.{n}", "1.2.3.{n}:443", "1.2.3.{n}   ,  1.2.4.{n}", "1.2.3.{n},", ",1.2.3.{n}",
    ",,,1.2.3.{n},,,",
    "1.2.3.{n}, 127.0.0.1", "127.0.0.1, 1.2.3.{n}", "1.2.3.{n}\t,\t1.2.4.{n}",
    "1.2.3.{n},1.2.4.{n},1.2.5.{n}",
    "2001:db8::{n}", "[2001:db8::{n}]", "[2001:db8::{n}]:443", "[2001:db8::{n}", "::ffff:1.2.3.{n}",
    "unix:/run/{n}.sock", "unix:", "unknown", "_hidden{n}", '"1.2.3.{n}"', "1.2.3.{n};5",
    "::{n}%eth0",
)  # fmt: skip


def tricks() -> Iterator[Headers]:
    """Twenty-six requests' headers, each with another address in them."""
    for n, value in enumerate(_VALUES, 1):
        yield [("X-Forwarded-For", value.format(n=n))]
    yield [("X-Forwarded-For", "1.2.3.101"), ("X-Forwarded-For", "1.2.3.102")]
    yield [("x-forwarded-for", "127.0.0.1"), ("X-FORWARDED-FOR", "1.2.3.103")]
    yield [("Forwarded", "for=1.2.3.104"), ("X-Real-IP", "1.2.3.104")]
    yield [("X-Forwarded-For", "1.2.3.105, " * 500 + "1.2.3.105")]


def through_a_proxy(headers: Headers, *, own_line: bool = False) -> Headers:
    """Return the headers as a proxy passes them on: it adds the address that it sees at the end."""
    name = "X-Forwarded-For"
    if own_line:
        return [*headers, (name, CALLER)]
    told = [value for each, value in headers if each.lower() == name.lower()]
    others = [each for each in headers if each[0].lower() != name.lower()]
    return [*others, (name, ", ".join([*told, CALLER]))]
