"""Coats: from the words a shelter writes to the colours and markings a portrait has."""

from dataclasses import dataclass

_HUES = {
    "black": "#403a3d",
    "gray": "#8d9096",
    "grey": "#8d9096",
    "blue": "#7f8b99",
    "brown": "#8a6246",
    "chocolate": "#6b4a38",
    "orange": "#e39a4f",
    "golden": "#e2b265",
    "rust": "#b9683f",
    "red": "#b4613a",
    "tan": "#cfa06b",
    "fawn": "#d9b48a",
    "buff": "#e6c99c",
    "cream": "#f1dfc2",
    "white": "#f8f3ea",
    "agouti": "#a5835f",
    "brindle": "#8f6a4a",
    "calico": "#f8f3ea",
    "tortoiseshell": "#463d3d",
    "tricolour": "#403a3d",
    "point": "#f0e0c6",
}
_UNKNOWN = "#b99b7b"
_WHITE = _HUES["white"]
_MARKED = {
    "tabby": "stripes",
    "brindle": "stripes",
    "agouti": "flecks",
    "calico": "patches",
    "tortoiseshell": "patches",
    "tricolour": "tricolour",
    "point": "mask",
}


@dataclass(frozen=True, slots=True)
class Coat:
    """A base colour, a second one, and how the two share the face."""

    base: str
    second: str
    marking: str

    @property
    def shade(self) -> str:
        """The base, darker: ears and stripes."""
        return _mix(self.base, "#2b1d16", 0.14 if self.base == _WHITE else 0.28)

    @property
    def light(self) -> str:
        """The base, lighter: the muzzle."""
        return _mix(self.base, "#fff6e8", 0.42)

    @property
    def line(self) -> str:
        """Mouth and whiskers, seen on any base."""
        dark = sum(_channels(self.light)) < 3 * 120
        return "#f3e9dc" if dark else "#3a2c26"


def coat_of(colour: str) -> Coat:
    """The coat those words describe; unknown words give a plain brown one."""
    terms = colour.lower().replace("&", " and ").split()
    hues = [_HUES[term] for term in terms if term in _HUES] or [_UNKNOWN]
    marking = next((_MARKED[term] for term in terms if term in _MARKED), "plain")
    base, second = hues[0], hues[-1]
    if marking == "mask":
        return Coat(_HUES["point"], "#5d463b" if "seal" in terms else "#8a7f83", marking)
    if marking == "patches":
        return Coat(base, _HUES["orange"], marking)
    if marking == "plain" and len(hues) > 1:
        return Coat(base, second, _shared(terms[0], second))
    return Coat(base, second, marking)


def _shared(first: str, second: str) -> str:
    """How two plain colours meet: tan points, a white blaze, or dark spots on white."""
    if first == "white":
        return "spots"
    return "blaze" if second == _WHITE else "points"


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _mix(colour: str, other: str, share: float) -> str:
    pairs = zip(_channels(colour), _channels(other), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)
