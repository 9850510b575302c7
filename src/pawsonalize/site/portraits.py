"""Portraits: a drawing of every animal, by its species, breed, coat, size and age."""

import zlib
from functools import lru_cache
from urllib.parse import urlencode

import msgspec
from msgspec.structs import asdict
from starlette.requests import Request
from starlette.responses import Response

from pawsonalize.animals.animal import Animal
from pawsonalize.core.groups import AnimalGroup
from pawsonalize.site.rendering import render

# By species and kind of ears, the words that breeds with such ears have in their names. The
# first word of a name that stands here decides; all other breeds have their species' usual ears.
_EAR_WORDS = {
    "dog": {
        "curly": "bichon doodle havanese maltese poodle shih",
        "bat": "chihuahua corgi french papillon pinscher",
        "pointed": "akita cairn carolina cattle chow dane doberman german husky japanese keeshond"
        " kelpie malamute malinois pomeranian samoyed scottish shiba spitz yorkshire",
        "folded": "boxer bulldog collie corso greyhound pit pug schnauzer shar-pei sheltie shepherd"
        " terrier",
    },
    "cat": {"folded": "fold"},
    "rabbit": {"lop": "lop lop-eared"},
}
_EARS = {
    species: {word: kind for kind, words in kinds.items() for word in words.split()}
    for species, kinds in _EAR_WORDS.items()
}
_USUAL_EARS = {"dog": "floppy", "cat": "pointed", "rabbit": "upright"}
_LONG_HAIR_WORDS = (
    "angora bernard birman chow collie coon himalayan keeshond leonberger lionhead long malamute"
    " medium newfoundland persian pomeranian pyrenees ragdoll samoyed sheltie van"
)
_LONG_HAIRED = frozenset(_LONG_HAIR_WORDS.split())


def ears_of(species: str, breed: str) -> str:
    """Return the shape of the ears to draw."""
    listed = _EARS[species]
    return next((listed[word] for word in _words(breed) if word in listed), _USUAL_EARS[species])


def _words(breed: str) -> list[str]:
    return breed.lower().split("_")


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
_SKIN = "#efc9b4"
_BARE = "sphynx"
_MASKED = frozenset({"husky", "malamute"})
_MARKED = {
    "tabby": "stripes",
    "brindle": "stripes",
    "agouti": "flecks",
    "calico": "patches",
    "tortoiseshell": "patches",
    "tricolour": "tricolour",
    "point": "mask",
}


class Coat(msgspec.Struct, frozen=True):
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
        return "#f3e9dc" if sum(_channels(self.light)) < 3 * 120 else "#3a2c26"


def coat_of(colour: str, breed: str = "") -> Coat:
    """Return the coat of a colour in words, as it is of a breed; unknown words give plain brown."""
    terms = colour.lower().replace("&", " and ").split()
    hues = [_HUES[term] for term in terms if term in _HUES] or [_UNKNOWN]
    marking = next((_MARKED[term] for term in terms if term in _MARKED), "plain")
    base, second = hues[0], hues[-1]
    if _BARE in _words(breed):
        return Coat(_mix(base, _SKIN, 0.6), _SKIN, "bare")
    if marking == "plain" and not _MASKED.isdisjoint(_words(breed)):
        base = _HUES["gray"] if base in {_UNKNOWN, _WHITE} else base
        return Coat(base, _WHITE, "blaze")
    if marking == "mask":
        return Coat(_HUES["point"], "#5d463b" if "seal" in terms else "#8a7f83", marking)
    if marking == "patches":
        return Coat(base, _HUES["orange"], marking)
    if marking == "plain" and len(hues) > 1:
        marking = "blaze" if second == _WHITE else "points"
        marking = "spots" if terms[0] == "white" else marking  # dark ones on white
    return Coat(base, second, marking)


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _mix(colour: str, other: str, share: float) -> str:
    pairs = zip(_channels(colour), _channels(other), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


_SPECIES = {"1": "cat", "2": "dog", "3": "rabbit"}
_SCALES = {"1": 0.84, "2": 0.93, "3": 1.02, "4": 1.12}
_TALLEST = {"rabbit": 1.0, "dog": 1.02}  # their ears need the room
_POSES = 6
_DIGITS = frozenset(map(str, range(_POSES)))
_PARTS = ("species", "breed", "size", "age", "colour")


class Portrait(msgspec.Struct, frozen=True):
    """Traits that a drawing depends on; two animals alike in them share one picture."""

    species: str
    breed: str
    size: str
    age: str
    colour: str
    pose: int

    @classmethod
    def of(cls, animal: Animal, group: AnimalGroup) -> "Portrait":
        """The portrait of an animal; its pose is its own, and the same on every visit."""
        pose = zlib.crc32(animal.animal_id.encode()) % _POSES
        colour = " and ".join(animal.colours)  # in English: its words choose the drawing
        return cls(group.species, group.breed, group.size, group.age, colour, pose)

    @property
    def path(self) -> str:
        """Path of the picture."""
        return f"/portrait.svg?{urlencode(asdict(self))}"


@lru_cache(maxsize=1024)
def draw(portrait: Portrait) -> str:
    """Draw the picture as SVG; words nobody knows choose the plain variant and never enter it."""
    species = _SPECIES.get(portrait.species)
    if species is None:
        return render("portraits/paw.svg")
    grown = min(_SCALES.get(portrait.size, 0.93), _TALLEST.get(species, 2.0))
    return render(
        "portraits/portrait.svg",
        species=species,
        ears=ears_of(species, portrait.breed),
        long_haired=not _LONG_HAIRED.isdisjoint(_words(portrait.breed)),
        coat=coat_of(portrait.colour, portrait.breed),
        scale=grown * (0.92 if portrait.age == "1" else 1),
        baby=portrait.age == "1",
        senior=portrait.age == "4",
        tilt=(-5, 4, 0, 5, -3, 0)[portrait.pose],
        content=portrait.pose in {1, 4},
        tag=("#d9573b", "#2f7f6b", "#4d6fb8", "#d9a02e", "#8a5bb0", "#c4477f")[portrait.pose],
    )


async def get_portrait(request: Request) -> Response:
    """Serve a picture; the address says all about it, so browsers may keep it for a day."""
    params = request.query_params
    species, breed, size, age, colour = (params.get(part, "")[:64] for part in _PARTS)
    pose = params.get("pose", "")
    portrait = Portrait(species, breed, size, age, colour, int(pose) if pose in _DIGITS else 0)
    headers = {
        "Content-Security-Policy": "default-src 'none'",
        "Cross-Origin-Resource-Policy": "cross-origin",  # cards of any site show it
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "public, max-age=86400",
    }
    return Response(draw(portrait), headers=headers, media_type="image/svg+xml")
