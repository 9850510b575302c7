"""A request in the one form that both sides hash, however it was written on the wire.

Source: "Create a signed AWS API request" in the IAM user guide.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote_to_bytes


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """A request as it came: `path` and `query` still encoded, header names in lower case.

    `payload` is the SHA-256 of the body, in hexadecimal.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, tuple[str, ...]]
    payload: str

    def header(self, name: str) -> str | None:
        """The header's value, None without it."""
        found = self.headers.get(name)
        return None if found is None else _folded(found)

    def canonical(self, signed_headers: Iterable[str]) -> str:
        """The canonical request, with these of the headers."""
        names = sorted(signed_headers)
        return "\n".join(
            (
                self.method,
                _canonical_path(self.path),
                _canonical_query(self.query),
                *(f"{name}:{self.header(name) or ''}" for name in names),
                "",
                ";".join(names),
                self.payload,
            )
        )


def _canonical_path(path: str) -> str:
    """Without dot segments and doubled slashes; what is encoded on the wire is encoded again."""
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del kept[-1:]
        elif segment not in ("", "."):
            kept.append(segment)
    end = "/" if kept and path.endswith("/") else ""
    return quote(f"/{'/'.join(kept)}{end}", safe="/~")


def _canonical_query(query: str) -> str:
    parts = (part.partition("=") for part in query.split("&") if part)
    pairs = sorted((_encoded(name), _encoded(value)) for name, _, value in parts)
    return "&".join(f"{name}={value}" for name, value in pairs)


def _encoded(text: str) -> str:
    return quote(unquote_to_bytes(text), safe="-_.~")


def _folded(values: Iterable[str]) -> str:
    return ",".join(" ".join(value.split()) for value in values)
