"""Photos of all shapes on the adoption site: rows stay even, and faces stay in the frame."""

import struct
import zlib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from playwright.sync_api import Browser, Page, Route

from tests.adoption_site import ANIMALS, NOW, serving, site
from tests.animal_data import animal
from tests.browser.conftest import PATIENCE

SHAPES = (
    *((300, 400), (900, 1600), (400, 600), (300, 600), (300, 900), (400, 300), (1600, 900)),
    *((900, 300), (1200, 300), (500, 500), (40, 30), (30, 40), (16, 16), (3000, 2250)),
    (2250, 3000),
)
"""Width and height: portraits, landscapes, panoramas, squares, tiny and huge ones."""
_HOST = "https://photos.example/"
_VISIBLE = """image => {
    const box = image.getBoundingClientRect(), style = getComputedStyle(image)
    const scale = Math.max(box.width / image.naturalWidth, box.height / image.naturalHeight)
    const [x, y] = style.objectPosition.split(" ").map(part => parseFloat(part) / 100)
    const wide = box.width / (image.naturalWidth * scale)
    const high = box.height / (image.naturalHeight * scale)
    return {
        fit: style.objectFit, size: [image.naturalWidth, image.naturalHeight],
        left: x * (1 - wide), right: x * (1 - wide) + wide,
        top: y * (1 - high), bottom: y * (1 - high) + high,
    }
}"""
_LOADED = """async image => { image.loading = "eager"; await image.decode() }"""
_BOXES = """cards => {
    for (const card of cards) card.style.contentVisibility = "visible"  // laid out, wherever it is
    return cards.map(card => {
        const box = card.getBoundingClientRect(), tile = card.querySelector(".tile")
        return [box.top + scrollY, box.bottom + scrollY, tile.getBoundingClientRect().height]
    })
}"""


class Face(NamedTuple):
    """Where a face is, in shares of the picture: in its upper third."""

    left: float
    right: float
    top: float = 0.08
    bottom: float = 0.33

    @classmethod
    def of(cls, width: int, height: int) -> "Face":
        half = min(0.15, 0.15 * height / width)
        return cls(0.5 - half, 0.5 + half)


def picture(width: int, height: int) -> bytes:
    """A PNG with a red face on green ground."""
    ground = bytes((120, 150, 110)) * width
    face = Face.of(width, height)
    left, right = 3 * int(face.left * width), 3 * int(face.right * width)
    with_face = ground[:left] + bytes((220, 40, 40)) * ((right - left) // 3) + ground[right:]
    lines = (
        with_face if face.top <= line / height < face.bottom else ground for line in range(height)
    )

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    size = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    content = zlib.compress(b"".join(b"\0" + line for line in lines), 1)
    parts = ((b"IHDR", size), (b"IDAT", content), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A site of thirty animals, each with a photo of another shape or size."""
    animals = []
    for place in range(30):
        like, (width, height) = ANIMALS[place % len(ANIMALS)], SHAPES[place % len(SHAPES)]
        photo = f"{_HOST}{width}x{height}.png?{place}"
        group = like.group_at(NOW).id
        animals.append(animal(f"p{place}", group, name=f"{like.name} {place}", photos=(photo,)))
    app = site(tmp_path_factory.mktemp("photos") / "data", animals, trained=False, demo=False)
    with serving(app) as address:
        yield address


@pytest.fixture(params=[(360, 780), (1280, 900)], ids=["phone", "desktop"])
def page(browser: Browser, address: str, request: pytest.FixtureRequest) -> Iterator[Page]:
    width, height = request.param
    context = browser.new_context(base_url=address, viewport={"width": width, "height": height})

    def answer(route: Route) -> None:
        width, height = Path(route.request.url.partition("?")[0]).stem.split("x")
        route.fulfill(body=picture(int(width), int(height)), content_type="image/png")

    context.route(f"{_HOST}**", answer)
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto("/")
    for image in page.locator(".card img, .board img").all():
        image.evaluate(_LOADED)
    yield page
    context.close()


def test_rows_are_even_and_every_face_is_in_the_frame(page: Page) -> None:
    boxes = page.locator(".card").evaluate_all(_BOXES)
    assert len(boxes) == 24
    assert len({round(tile) for *_, tile in boxes}) == 1
    rows = defaultdict[int, set[int]](set)
    for top, bottom, _ in boxes:
        rows[round(top)].add(round(bottom))
    assert all(len(bottoms) == 1 for bottoms in rows.values())
    photos = page.locator(".card img.photo, .board img.photo").all()
    assert len(photos) > 24
    for photo in photos:
        seen = photo.evaluate(_VISIBLE)
        assert seen["fit"] == "cover"
        face = Face.of(*seen["size"])
        assert seen["left"] <= face.left < face.right <= seen["right"], seen
        assert seen["top"] <= face.top < face.bottom <= seen["bottom"], seen


@pytest.mark.parametrize("page", [(360, 780)], indirect=True)
def test_six_whole_cards_stand_on_the_first_two_screens_of_a_phone(page: Page) -> None:
    boxes = page.locator(".card").evaluate_all(_BOXES)
    assert sum(bottom <= 2 * 780 for _, bottom, _ in boxes) >= 6
