"""The app with the adoption site on it, over a small world that is the same in every test."""

import shutil
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import uvicorn
from msgspec.structs import replace
from starlette.applications import Starlette

from pawsonalize.animals.animal import Animal
from pawsonalize.app.adapters import opened
from pawsonalize.app.asgi import build_app
from pawsonalize.app.settings import Settings
from pawsonalize.core import clock
from pawsonalize.core.attributes import GoodWith
from pawsonalize.core.event import Event
from pawsonalize.core.groups import AnimalGroup
from pawsonalize.core.scopes import Scope
from pawsonalize.core.times import DAY, HOUR
from pawsonalize.resources.access_keys import ADOPTION_SITE
from pawsonalize.site.storefront import Storefront
from tests.animal_data import animal
from tests.training import train_and_serve

NOW = clock.now()
_KINDS = (
    (AnimalGroup("2", "Labrador_Retriever", "3", "3"), "golden", ("Rex", "Bella", "Hugo", "Ida")),
    (AnimalGroup("1", "Siamese", "1", "2"), "seal point", ("Mimi", "Tom", "Luna", "Figaro")),
    (AnimalGroup("1", "Maine_Coon", "4", "4"), "brown tabby", ("Bear", "Fern", "Otto", "Cleo")),
    (AnimalGroup("3", "Lop-Eared", "1", "1"), "white", ("Clover", "Hazel", "Pip", "Nib")),
)
ANIMALS = tuple(
    animal(
        f"a{kind}{place}",
        group.id,
        name=name,
        shelter="Orchard Park Shelter",
        sex="female",
        colours=(colour,),
        listed=NOW - (10 * place + kind) * DAY,
        good_with_kids=GoodWith.YES,
        good_with_dogs=GoodWith.NO,
    )
    for kind, (group, colour, names) in enumerate(_KINDS)
    for place, name in enumerate(names)
)
REX = ANIMALS[0]
PIP = ANIMALS[14]
GONE = animal("gone", _KINDS[0][0].id, name="Gone", listed=NOW - 9 * DAY, adopted=NOW - DAY)


def site(
    data_dir: Path,
    animals: Sequence[Animal] = ANIMALS,
    *,
    trained: bool = True,
    start_training: Callable[[], None] | None = None,
    access_keys: Literal["auto", "required"] = "auto",
    demo: bool = True,
    postcode_table: str = "",
) -> Starlette:
    """The app; with `trained`, a model is live to which dogs are the most popular kind.

    Without `demo` it is the site of a shelter's own animals.
    """
    settings = Settings.of(
        data_dir=data_dir,
        demo_site=demo,
        site=not demo,
        site_name="River Road",
        postcode_table=postcode_table,
        access_keys=access_keys,
        exploration_weight=0,
        retrain_here=False,
        log_level="error",  # other tests of this process read what they print
    )
    if trained:
        shutil.copytree(_trained().name, data_dir, dirs_exist_ok=True)
    with opened(settings) as adapters:
        if animals:
            adapters.animals.put(animals, NOW)
        if settings.requires_keys:
            adapters.access_keys.create([Scope.BROWSER], ADOPTION_SITE, NOW)
    app = build_app(settings)
    start = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(started: Starlette) -> AsyncIterator[None]:
        async with start(started):
            storefront: Storefront = started.state.storefront
            if storefront.demo:
                offer = replace(storefront.demo, start_training=start_training)
                started.state.storefront = replace(storefront, demo=offer)
            yield

    app.router.lifespan_context = lifespan
    return app


@cache
def _trained() -> TemporaryDirectory[str]:
    """A data folder with a live model, which each site gets a copy of."""
    folder = TemporaryDirectory()
    settings = Settings.of(data_dir=Path(folder.name), log_level="error")
    with opened(settings) as adapters:
        adapters.log.append(list(_history()))
        train_and_serve(adapters, NOW)
        adapters.archiver.archive_once()
    return folder


@contextmanager
def serving(app: Starlette) -> Iterator[str]:
    """The address at which a real server of its own answers, on a free port."""
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", ws="none"))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def _history() -> list[Event]:
    """Visitors who keep to one kind each; the first kind has the most of them."""
    visitors = [kind for kind, count in enumerate((8, 5, 4, 3)) for _ in range(count)]
    return [
        Event(
            event_id=f"e{visitor}-{place}",
            user_id=f"u{visitor}",
            session_id=f"s{visitor}",
            event_type="view",
            item_id=_KINDS[kind][0].id,
            sent_at=NOW - DAY + place * HOUR,
            received_at=NOW - DAY + place * HOUR,
            animal_id=f"a{kind}{place}",
        )
        for visitor, kind in enumerate(visitors)
        for place in range(4)
    ]
