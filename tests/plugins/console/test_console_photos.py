"""Photos that a shelter uploads on the console: what is kept of them, and what is refused."""

import re
import zlib
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import ExifTags, Image
from starlette.testclient import TestClient

from pawsonalize.animals.animal import OWN_PHOTOS
from pawsonalize.app.adapters import opened
from pawsonalize.app.asgi import build_app
from pawsonalize.app.settings import Settings
from pawsonalize.core import clock
from pawsonalize.core.times import DAY
from pawsonalize.plugins.console import photos
from pawsonalize.plugins.console.photos import ARCHIVE_KEYS
from tests.hostile_world import make_world
from tests.plugins.console.test_console_desk import ACTIONS, stored
from tests.plugins.console.test_console_pages import words
from tests.service_data import client_of

SECRET = b"secret-of-the-camera"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return make_world(tmp_path)


@pytest.fixture
def browser(settings: Settings) -> Iterator[TestClient]:
    with client_of(build_app(settings)) as client:
        del client.headers["Content-Type"]
        yield client


def picture(form: str = "JPEG", size: tuple[int, int] = (80, 60), **saved: Any) -> bytes:
    """A file whose left half is red and whose right half is blue."""
    image = Image.new("RGB", size, "blue")
    image.paste("red", (0, 0, size[0] // 2, size[1]))
    file = BytesIO()
    image.save(file, form, **saved)
    return file.getvalue()


def telling() -> bytes:
    """A JPEG with EXIF, a place, a comment, a colour profile, and another file at its end."""
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = SECRET.decode()
    exif[ExifTags.Base.Orientation] = 6  # the camera was turned: its left side is up
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] = (52.0, 31.0, 12.0)
    about: dict[str, Any] = {"exif": exif, "comment": SECRET, "icc_profile": SECRET}
    content = picture(size=(3000, 1500), **about) + b"<script>" + SECRET
    assert Image.open(BytesIO(content)).getexif().get_ifd(ExifTags.IFD.GPSInfo)
    return content


def send(
    browser: TestClient, *files: tuple[str, bytes], action: str = "photos", **fields: str
) -> httpx.Response:
    fields = fields or {"animalId": "dog-1"}
    sent = [("photo", (name, content, "image/jpeg")) for name, content in files]
    answer: httpx.Response = browser.post(f"{ACTIONS}/{action}", data=fields, files=sent)
    return answer


def photos_of(browser: TestClient, animal_id: str = "dog-1") -> list[str]:
    found: Any = stored(browser, animal_id).get("photos", [])
    return list(found)


def test_a_photo_is_kept_upright_and_small_and_tells_nothing_of_its_file(
    browser: TestClient,
) -> None:
    answer = send(browser, ("walk.jpg", telling()))
    assert "1 photo is stored." in words(answer)
    (address,) = photos_of(browser)
    for name, size in ((address, (800, 1600)), (address.replace(".jpg", "-small.jpg"), (320, 640))):
        content = browser.get(name).content
        assert SECRET not in content
        image = Image.open(BytesIO(content))
        assert image.size == size
        assert not image.getexif()
        assert not {"exif", "icc_profile", "comment", "xmp"} & image.info.keys()
        red, _green, blue = image.getpixel((size[0] // 2, 10))  # type: ignore[misc]
        assert red > 200
        assert blue < 60


def test_a_photo_is_served_as_a_picture_alone_and_kept_by_caches(browser: TestClient) -> None:
    send(browser, ("a.png", picture("PNG")))
    (address,) = photos_of(browser)
    answer = browser.get(address)
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert "immutable" in answer.headers["cache-control"]
    for other in ("0" * 32 + ".jpg", "no.svg", "..%2farchive"):
        assert browser.get(f"{OWN_PHOTOS}{other}").status_code == 404, other


def bomb() -> bytes:
    """A PNG of 40,000 x 40,000 pixels in a few hundred bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")
        )

    size = (40_000).to_bytes(4, "big")
    head = chunk(b"IHDR", size + size + b"\x08\x02\x00\x00\x00")
    return (
        b"\x89PNG\r\n\x1a\n"
        + head
        + chunk(b"IDAT", zlib.compress(bytes(99_999)))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("cat.svg", b"<svg xmlns='http://www.w3.org/2000/svg'><script>1</script></svg>", "as JPEG"),
        ("letter.jpg", b"%PDF-1.7 not a picture", "choose a JPEG, PNG or WebP file"),
        ("half.jpg", picture(size=(900, 900))[:2_000], "choose a JPEG, PNG or WebP file"),
        ("gif.jpg", picture("GIF"), "choose a JPEG, PNG or WebP file"),
        ("bomb.png", bomb(), "40,000 x 40,000 pixels, which are too many"),
        ("large.jpg", picture() + bytes(40 << 20), "40 MB, and a photo may have 20"),
    ],
)  # fmt: skip
def test_what_is_no_photo_or_too_large_is_refused_in_words(
    browser: TestClient, name: str, content: bytes, said: str
) -> None:
    answer = send(browser, (name, content))
    assert answer.status_code == 400
    assert name in answer.text
    assert said in answer.text
    assert photos_of(browser) == []


def test_good_photos_are_kept_beside_those_that_are_refused(browser: TestClient) -> None:
    answer = words(
        send(browser, ("a.jpg", picture()), ("b.svg", b"<svg/>"), ("c.png", picture("PNG")))
    )
    assert "2 photos are stored. “b.svg” is no photo that can be read here" in answer
    assert len(photos_of(browser)) == 2


def test_more_photos_than_a_form_or_an_animal_may_have_are_refused(browser: TestClient) -> None:
    many = [(f"{n}.jpg", picture()) for n in range(11)]
    assert "at most 10 photos at once" in send(browser, *many).text
    for _ in range(5):
        send(browser, *many[:10])
    assert len(photos_of(browser)) == 50
    assert "may have 50 photos: remove some first" in send(browser, many[0]).text


def test_a_form_of_more_than_100_mb_is_refused_before_it_is_read(browser: TestClient) -> None:
    headers = {"Content-Length": str(200 << 20), "Content-Type": "multipart/form-data; boundary=x"}
    answer = browser.post(f"{ACTIONS}/photos", content=b"--x--", headers=headers)
    assert answer.status_code == 400
    assert "more than 100 MB together: send some of them" in answer.text


def test_photos_are_put_in_order_and_removed(browser: TestClient) -> None:
    send(browser, *[(f"{n}.jpg", picture()) for n in range(3)])
    first, second, third = photos_of(browser)

    def move(photo: str, do: str) -> httpx.Response:
        answer: httpx.Response = browser.post(
            f"{ACTIONS}/photo", data={"animalId": "dog-1", "photo": photo, "do": do}
        )
        return answer

    move(third, "earlier")
    assert photos_of(browser) == [first, third, second]
    move(second, "first")
    assert photos_of(browser) == [second, first, third]
    assert "The photo is removed." in words(move(first, "remove"))
    assert photos_of(browser) == [second, third]
    assert "load the page again" in move(first, "remove").text


def test_an_animal_is_added_with_its_photos_and_stays_if_one_is_refused(
    browser: TestClient,
) -> None:
    added = send(browser, ("a.jpg", picture()), action="add", name="Ada", species="cat", id="ada")
    assert "Ada is added, and may be shown. 1 photo is stored." in words(added)
    assert len(photos_of(browser, "ada")) == 1
    refused = send(browser, ("b.svg", b"<svg/>"), action="add", name="Bo", species="cat", id="bo")
    assert "Bo is added, and may be shown. No photo is stored: “b.svg” is no photo" in words(
        refused
    )
    assert photos_of(browser, "bo") == []


def test_an_import_keeps_the_photos_that_were_uploaded_here(browser: TestClient) -> None:
    send(browser, ("a.jpg", picture()))
    (own,) = photos_of(browser)
    theirs = "https://paws.example/1.jpg"
    for sent in ([theirs], [own, theirs]):
        animal = {"id": "dog-1", "species": "dog", "photos": sent}
        assert browser.put("/v1/animals", json={"animals": [animal]}).status_code == 200
        assert photos_of(browser) == [own, theirs]


def test_photos_that_no_animal_has_are_deleted_after_a_day(
    settings: Settings, browser: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(browser, ("a.jpg", picture()), ("b.jpg", picture()))
    gone, kept = photos_of(browser)
    browser.post(f"{ACTIONS}/photo", data={"animalId": "dog-1", "photo": gone, "do": "remove"})
    with opened(settings) as adapters:
        keys = sorted(adapters.objects.list("photos"))
        assert len(keys) == 4
        assert all(any(ours(key) for ours in ARCHIVE_KEYS) for key in keys)
        ((_, sweep),) = photos.upkeep(adapters, lambda: False)
        sweep(clock.now())
        assert sorted(adapters.objects.list("photos")) == keys
        later = clock.real_now() + DAY + 1_000
        monkeypatch.setattr(clock, "real_now", lambda: later)
        sweep(clock.now() + DAY)
    assert browser.get(gone).status_code == 404
    assert browser.get(kept).status_code == 200


def test_a_photo_is_small_on_a_card_and_large_on_its_own_page(browser: TestClient) -> None:
    send(browser, ("a.jpg", picture()))
    (address,) = photos_of(browser)
    small = address.replace(".jpg", "-small.jpg")
    assert f'src="{small}"' in browser.get("/console/animals?search=dog-1").text
    page = browser.get("/console/animals/id/dog-1").text
    assert re.search(f'<a href="{address}"><img src="{small}"', page)
