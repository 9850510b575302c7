"""Photos that a shelter uploads: made smaller, kept beside the archive, and served from there.

A file is decoded, and its picture is encoded anew. So nothing else in the file is kept: no place
where it was taken, no name of a camera, no script, no other file at its end.
"""

import os
import re
import secrets
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from io import BytesIO
from threading import Lock
from typing import BinaryIO, Final

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from pawsonalize.animals.animal import OWN_PHOTOS, Animal
from pawsonalize.animals.listings import MOST
from pawsonalize.app.adapters import Adapters
from pawsonalize.app.pages.shell import ANIMALS
from pawsonalize.app.pages.views import Done, perform
from pawsonalize.core import clock
from pawsonalize.core.errors import (
    Conflict,
    InputTooLarge,
    InvalidInput,
    NotFound,
    PawsonalizeError,
)
from pawsonalize.core.limits import parse_id
from pawsonalize.core.objects.store import ObjectStore
from pawsonalize.core.scopes import DESK
from pawsonalize.core.times import DAY
from pawsonalize.operations.admission import Caller
from pawsonalize.operations.services import services_of
from pawsonalize.site.forms import fields_of
from pawsonalize.site.rendering import console_path_of

MOST_AT_ONCE: Final = 10
MAX_PHOTO_BYTES: Final = 20 << 20
_MAX_FORM_BYTES = 100 << 20  # they are on disk until they are read, one by one
_MAX_TEXT_BYTES = 1 << 19  # fifty addresses and a long text, as browsers escape them
_NAME_LENGTH, _NAMED = 80, 2  # of a refused file, and in a notice, which has to fit in a cookie
_ACTIONS = f"{ANIMALS}/actions"
_MOVES = {"first": "the first", "earlier": "one place further in front", "remove": "removed"}
_FOLDER = "photos"
_FILE = re.compile(r"[0-9a-f]{32}(-small)?\.jpg")
_SIDES = {"": 1600, "-small": 640}  # pixels of the longer one: of a screen, and of a card
_QUALITY = 82
_FORMATS = ("JPEG", "PNG", "WEBP")
_MAX_PIXELS = {"JPEG": 64_000_000, "MPO": 64_000_000}  # only these are decoded at a smaller scale
_MAX_OTHER_PIXELS = 25_000_000
_DECODING = Lock()  # one at a time, as each may take some 400 MB
_HEADERS = {
    "Cache-Control": "public, max-age=31536000, immutable",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
}


def shrink_photo(file: BinaryIO, name: str) -> dict[str, bytes]:
    """Return a file's picture as JPEG, upright, by the ends of names that `_SIDES` has.

    InvalidInput, with the file's name and the next move, if it is too large or no photo.
    """
    # Pages without photos need no decoders in memory.
    from PIL import Image, ImageOps  # noqa: PLC0415

    if (size := file.seek(0, os.SEEK_END)) > MAX_PHOTO_BYTES:
        raise InputTooLarge(
            f"“{name}” has {size >> 20} MB, and a photo may have {MAX_PHOTO_BYTES >> 20}:"
            " save it smaller, then choose it again"
        )
    file.seek(0)
    Image.MAX_IMAGE_PIXELS = None  # Pillow only warns of much that is refused here
    try:
        with _DECODING, Image.open(file, formats=_FORMATS) as image:
            if image.width * image.height > _MAX_PIXELS.get(image.format or "", _MAX_OTHER_PIXELS):
                raise InputTooLarge(
                    f"“{name}” has {image.width:,} x {image.height:,} pixels, which are too many:"
                    " save it smaller, then choose it again"
                )
            image.thumbnail((_SIDES[""], _SIDES[""]), Image.Resampling.LANCZOS)
            upright = ImageOps.exif_transpose(image).convert("RGBA")
    except InvalidInput:
        raise
    except Exception as error:  # a broken file makes decoders raise anything
        raise InvalidInput(
            f"“{name}” is no photo that can be read here: choose a JPEG, PNG or WebP file, and save"
            " any other picture (HEIC, SVG, PDF) as JPEG first"
        ) from error
    # A new picture knows nothing of the file that it comes from.
    plain = Image.new("RGB", upright.size, "white")
    plain.paste(upright, mask=upright.getchannel("A"))
    pictures = {}
    for end, side in _SIDES.items():
        plain.thumbnail((side, side), Image.Resampling.LANCZOS)
        written = BytesIO()
        plain.save(written, "JPEG", quality=_QUALITY, optimize=True, progressive=True)
        pictures[end] = written.getvalue()
    return pictures


def _keep(objects: ObjectStore, files: Iterable[UploadFile]) -> tuple[list[str], list[str]]:
    """Store the photos among the files; return their addresses, and why others were refused."""
    addresses, refusals = [], []
    for file in files:
        name = "".join(filter(str.isprintable, file.filename or ""))[:_NAME_LENGTH]
        try:
            pictures = shrink_photo(file.file, name)
        except InvalidInput as error:
            refusals.append(error.message)
            continue
        photo = secrets.token_hex(16)
        for end, picture in pictures.items():
            objects.put(f"{_FOLDER}/{photo}{end}.jpg", picture)
        addresses.append(f"{OWN_PHOTOS}{photo}.jpg")
    return addresses, refusals


def add_photos(request: Request, animal_id: str, files: Sequence[UploadFile]) -> str:
    """Store photos of an animal, after those that it has; return a notice that names refused ones.

    InvalidInput if none of the files is a photo.
    """
    services = services_of(request)
    addresses, refusals = _keep(_objects(request), files)
    if not addresses:
        raise InvalidInput("; ".join(refusals) or "no photo came: choose one, then send it")

    def change(animal: Animal) -> Animal:
        photos = (*animal.photos, *addresses)
        if len(photos) > (most := MOST["photos"]):
            raise InvalidInput(f"an animal may have {most} photos: remove some first")
        return replace(animal, photos=photos)

    services.inventory.edit(animal_id, change, services.now())
    count = "1 photo is" if len(addresses) == 1 else f"{len(addresses)} photos are"
    more = [f"{len(refusals) - _NAMED} more were refused, too"] if len(refusals) > _NAMED else []
    return ". ".join([f"{count} stored", *refusals[:_NAMED], *more]) + "."


@asynccontextmanager
async def opened_form(request: Request) -> AsyncIterator[tuple[dict[str, str], list[UploadFile]]]:
    """Read a form that may have photos; yield its fields and files, which are on disk meanwhile."""
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        yield await fields_of(request, _MAX_TEXT_BYTES), []
        return
    length = request.headers.get("content-length", "")
    if not length.isdecimal() or int(length) > _MAX_FORM_BYTES:
        raise InputTooLarge(
            f"these photos have more than {_MAX_FORM_BYTES >> 20} MB together: send some of them,"
            " then the others"
        )
    try:
        form = request.form(max_files=MOST_AT_ONCE, max_part_size=_MAX_TEXT_BYTES)
        async with form as given:
            parts = given.multi_items()
            fields = {name: part for name, part in parts if isinstance(part, str)}
            # A field without a file comes as a file without a name.
            yield fields, [one for _, one in parts if isinstance(one, UploadFile) and one.filename]
    except HTTPException as error:
        raise InvalidInput(
            f"the form cannot be read ({error.detail}): send at most {MOST_AT_ONCE} photos at once"
        ) from error


async def _upload(request: Request, _caller: Caller) -> Done:
    async with opened_form(request) as (fields, files):
        animal_id = parse_id(fields.get("animalId", ""), "animalId")
        await run_in_threadpool(services_of(request).inventory.get, animal_id)
        notice = await run_in_threadpool(add_photos, request, animal_id, files)
    return Done(
        f"{console_path_of(animal_id)}#album", notice, animal_id, detail=notice.partition(".")[0]
    )


async def _arrange(request: Request, _caller: Caller) -> Done:
    fields, services = await fields_of(request), services_of(request)
    animal_id = parse_id(fields.get("animalId", ""), "animalId")
    photo, move = fields.get("photo", ""), fields.get("do", "")
    if move not in _MOVES:
        raise InvalidInput(f"do is {', '.join(_MOVES)}, not {move[:40]!r}", field="do")

    def change(animal: Animal) -> Animal:
        photos = list(animal.photos)
        if photo not in photos:
            raise Conflict("that photo was removed meanwhile: load the page again")
        place = photos.index(photo)
        photos.remove(photo)
        if move != "remove":
            photos.insert(0 if move == "first" else max(place - 1, 0), photo)
        return replace(animal, photos=tuple(photos))

    await run_in_threadpool(services.inventory.edit, animal_id, change, services.now())
    page = f"{console_path_of(animal_id)}#album"
    return Done(page, f"The photo is {_MOVES[move]}.", animal_id, detail=_MOVES[move])


def _get_photo(request: Request) -> Response:
    name = request.path_params["name"]
    try:
        if not _FILE.fullmatch(name):
            raise NotFound("there is no photo of that name")
        content = _objects(request).get(f"{_FOLDER}/{name}")
    except PawsonalizeError as error:
        status = 404 if isinstance(error, NotFound) else 503
        return PlainTextResponse(error.message, status, {"Cache-Control": "no-store"})
    return Response(content, headers=_HEADERS, media_type="image/jpeg")


def _objects(request: Request) -> ObjectStore:
    objects: ObjectStore = request.app.state.plugins["console"].objects
    return objects


ARCHIVE_KEYS = (re.compile(f"{_FOLDER}/{_FILE.pattern}").fullmatch,)
PHOTO_ACTIONS = (
    Route(f"{_ACTIONS}/photos", partial(perform, act=_upload, allowed=DESK), methods=["POST"]),
    Route(f"{_ACTIONS}/photo", partial(perform, act=_arrange, allowed=DESK), methods=["POST"]),
    Route(f"{OWN_PHOTOS}{{name}}", _get_photo),
)


def upkeep(
    adapters: Adapters, _stopped: Callable[[], bool]
) -> Iterator[tuple[str, Callable[[int], object]]]:
    """Yield what deletes, once a day, photos that no animal has had for a day or longer."""
    swept_at = 0

    def sweep(now: int) -> None:
        nonlocal swept_at
        if now - swept_at < DAY:
            return
        swept_at, before = now, clock.real_now() - DAY
        old = [one.key for one in adapters.objects.stored(_FOLDER) if one.changed_at < before]
        shown = (
            {photo for animal in adapters.inventory.all() for photo in animal.photos}
            if old
            else set()
        )
        for key in old:
            name = key.removeprefix(f"{_FOLDER}/").replace("-small", "")
            if ARCHIVE_KEYS[0](key) and f"{OWN_PHOTOS}{name}" not in shown:
                adapters.objects.delete(key)

    yield "delete photos of no animal", sweep
