"""Portraits: every animal gets a drawing of its species, breed, coat, size and age."""

import zlib
from dataclasses import asdict, dataclass
from functools import lru_cache
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from pawsonalize.domain.animals import Animal
from pawsonalize.domain.groups import AnimalGroup
from pawsonalize.ui.coats import coat_of
from pawsonalize.ui.looks import ears_of, is_long_haired
from pawsonalize.ui.rendering import render
from pawsonalize.ui.words import coat

_SPECIES = {"1": "cat", "2": "dog", "3": "rabbit"}
_SCALES = {"1": 0.84, "2": 0.93, "3": 1.02, "4": 1.12}
_TALLEST = {"rabbit": 1.0}  # their ears need the room
_POSES = 6
_DIGITS = frozenset(map(str, range(_POSES)))
_PARTS = ("species", "breed", "size", "age", "colour")


@dataclass(frozen=True, slots=True)
class Portrait:
    """What a drawing depends on; two animals alike in this share one picture."""

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
        return cls(group.species, group.breed, group.size, group.age, coat(animal.colours), pose)

    @property
    def path(self) -> str:
        """Where the picture is served."""
        return f"/portrait.svg?{urlencode(asdict(self))}"


@lru_cache(maxsize=1024)
def draw(portrait: Portrait) -> str:
    """The picture as SVG; words nobody knows choose the plain variant and never enter it."""
    species = _SPECIES.get(portrait.species)
    if species is None:
        return render("portraits/paw.svg")
    return render(
        "portraits/portrait.svg",
        species=species,
        ears=ears_of(species, portrait.breed),
        long_haired=is_long_haired(portrait.breed),
        coat=coat_of(portrait.colour),
        scale=_scale(species, portrait),
        baby=portrait.age == "1",
        senior=portrait.age == "4",
        tilt=(-5, 4, 0, 5, -3, 0)[portrait.pose],
        content=portrait.pose in {1, 4},
        tag=("#d9573b", "#2f7f6b", "#4d6fb8", "#d9a02e", "#8a5bb0", "#c4477f")[portrait.pose],
    )


def _scale(species: str, portrait: Portrait) -> float:
    grown = min(_SCALES.get(portrait.size, 0.93), _TALLEST.get(species, 2.0))
    return grown * (0.92 if portrait.age == "1" else 1)


async def get_portrait(request: Request) -> Response:
    """Serve a picture; the address says all about it, so browsers may keep it for a day."""
    asked = request.query_params
    species, breed, size, age, colour = (asked.get(part, "")[:64] for part in _PARTS)
    pose = asked.get("pose", "")
    portrait = Portrait(species, breed, size, age, colour, int(pose) if pose in _DIGITS else 0)
    headers = {
        "Content-Security-Policy": "default-src 'none'",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "public, max-age=86400",
    }
    return Response(draw(portrait), headers=headers, media_type="image/svg+xml")
