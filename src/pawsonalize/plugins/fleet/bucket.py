"""Trained models in an object store, with the list of them in SQL and a cache on each machine."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import numpy as np
from numpy.typing import NDArray

from pawsonalize.app.settings import Settings
from pawsonalize.core import clock, errors
from pawsonalize.core.database.database import Database
from pawsonalize.core.logs import get_logger
from pawsonalize.core.objects.store import ObjectStore
from pawsonalize.core.objects.stores import open_objects
from pawsonalize.models.recipes.artefact import ModelCard
from pawsonalize.models.recipes.data import Arrays
from pawsonalize.resources import artefacts
from pawsonalize.resources.artefacts import ArtefactCache, nobody
from pawsonalize.resources.tables import ArtefactIndex, Draft, DraftState, ListedArtefact

_MEGABYTE = 1_000_000
_ABANDONED_SECONDS = 6 * 3600
_DIGITS = 16  # of the digest in a folder's name; the whole of it is compared

log = get_logger()


# `hurried` is the same object store for readers and deletions, which are tried again later anyway;
# `patient` outlasts a short outage at the end of a long training.
# A model's objects lie below `models/<location>/<draft>/`, where the draft's name is given once. A
# row of the list is what makes them an artefact: it is written when all of them are there. So
# nobody sees half of one, and objects are never changed.
class BucketArtefacts(msgspec.Struct):
    """`ArtefactStore` on an object store that several machines share."""

    _index: ArtefactIndex
    _patient: ObjectStore
    _hurried: ObjectStore
    _cache: ArtefactCache
    _now: Callable[[], int]
    _monotonic: Callable[[], float] = time.monotonic
    _seen: dict[str, float] = msgspec.field(default_factory=dict)

    def save(self, name: str, card: ModelCard, arrays: Arrays) -> str:
        """See `ArtefactStore.save`."""
        # What is saved is in this machine's cache as well.
        if self._index.find(name) is not None:
            raise errors.Conflict(f"there is a model named {name} already")
        try:
            with self._cache.new_draft() as folder:
                artefacts.write(folder, card, arrays)
                size = sum(file.stat().st_size for file in folder.iterdir())
                digest = artefacts.digest_of(folder / artefacts.SUMS)
                stored = ListedArtefact(name, uuid4().hex, digest, size)
                self._upload(folder, stored)
                self._cache.keep(_cached_as(stored), folder, size)
        except OSError as error:
            raise errors.StorageUnavailable(
                f"the model cannot be written ({error.strerror})", detail=str(error)
            ) from error
        return name

    def load(self, location: str) -> tuple[ModelCard, Arrays]:
        """See `ArtefactStore.load`."""
        # What this machine has is read without the object store.
        stored = self._listed(location)
        with _readable(location):
            try:
                fetch = partial(self._fetch, stored)
                return self._cache.load(_cached_as(stored), stored.size, fetch)
            except errors.StorageUnavailable as error:
                raise errors.StorageUnavailable(
                    f"the model {location} is not on this machine yet, and the object store did"
                    " not answer: it is asked again",
                    detail=str(error),
                ) from error
            except OSError as error:
                raise errors.StorageUnavailable(
                    f"the model {location} cannot be kept on this machine ({error.strerror}): give"
                    " the disk of the data folder more space, or set artefact_cache_megabytes"
                    " lower",
                    detail=str(error),
                ) from error

    def array(self, location: str, name: str) -> NDArray[Any] | None:
        """See `ArtefactStore.array`."""
        # Only this one is fetched, if the model is not here.
        stored = self._index.find(location)
        if stored is None:
            return None
        file = f"{name}.npy"
        here = self._cache.find(_cached_as(stored), file)
        with _readable(location), suppress(errors.NotFound):
            if here is not None:
                return np.asarray(np.load(here, mmap_mode="r", allow_pickle=False))
            content = BytesIO(self._hurried.get(_key(stored, file)))
            return np.asarray(np.load(content, allow_pickle=False))
        return None

    def locations(self, prefix: str) -> list[str]:
        """See `ArtefactStore.locations`."""
        # The object store is not asked.
        return self._index.locations(prefix)

    def sizes(self) -> dict[str, int]:
        """See `ArtefactStore.sizes`."""
        # The object store is not asked.
        return {one.location: one.size for one in self._index.all()}

    def export(self, location: str, folder: Path) -> None:
        """See `ArtefactStore.export`."""
        with _readable(location):
            self._fetch(self._listed(location), folder)
            artefacts.check(folder)

    def bring_back(self, location: str, folder: Path) -> None:
        """See `ArtefactStore.bring_back`."""
        # Of what is listed, the objects are written again.
        stored = self._index.find(location)
        with _readable(location):
            if stored is None:
                self.save(location, *artefacts.read(folder))
                return
            artefacts.check(folder)
            if artefacts.digest_of(folder / artefacts.SUMS) != stored.digest:
                raise errors.Conflict(f"another model named {location} is listed already")
            for file in sorted(folder.iterdir()):
                self._patient.replace(_key(stored, file.name), file)

    def remove(self, location: str) -> None:
        """See `ArtefactStore.remove`."""
        # If its objects cannot be deleted now, a sweep does it.
        gone = self._index.unlist(location)
        if gone is None:
            return
        self._cache.drop(_cached_as(gone))
        if self._empty(Draft(gone.draft, location)):
            self._index.forget(gone.draft)

    def sweep(self, is_dead: Callable[[str], bool] = nobody) -> int:
        """See `ArtefactStore.sweep`."""
        # A draft whose writer is not known to be dead is given up when this process has seen it for
        # six hours. Its writer, if it lives, cannot list it any more.
        swept, drafts = 0, self._index.drafts()
        seen_before, now = self._seen, self._monotonic()
        self._seen = {one.name: seen_before.get(one.name, now) for one in drafts}
        for one in drafts:
            is_old = now - self._seen[one.name] > _ABANDONED_SECONDS
            is_given_up = one.state is DraftState.WRITING and (is_old or is_dead(one.location))
            if is_given_up and not self._index.give_up(one.name):
                continue  # it was listed at this moment
            if is_old or is_given_up or one.state is DraftState.REMOVED:
                swept += self._emptied(one, forget=is_old)
        self.forget_removed()
        return swept

    def forget_removed(self) -> None:
        """See `ArtefactStore.forget_removed`."""
        self._cache.retain({_cached_as(one) for one in self._index.all()})

    def unfinished(self) -> list[str]:
        """See `ArtefactStore.unfinished`."""
        drafts = self._index.drafts()
        return sorted({one.location for one in drafts if one.state is not DraftState.EMPTIED})

    def _listed(self, location: str) -> ListedArtefact:
        if (stored := self._index.find(location)) is None:
            raise errors.CorruptArtefact(f"the model in {location} cannot be read: it is not there")
        return stored

    def _upload(self, folder: Path, stored: ListedArtefact) -> None:
        draft = Draft(stored.draft, stored.location)
        self._index.begin(draft)
        try:
            sizes = {}
            for file in sorted(folder.iterdir()):
                self._patient.replace(_key(stored, file.name), file)
                sizes[_key(stored, file.name)] = file.stat().st_size
            # Nobody may rely on the model before the store lists all of it.
            there = {one.key: one.size for one in self._patient.stored(_folder(draft))}
            if there != sizes or not self._index.commit(stored, self._now()):
                raise errors.StorageUnavailable(
                    f"the model {stored.location} was not kept: an object is missing, or this"
                    " process was taken for dead. Train again"
                )
        except errors.PawsonalizeError:
            with suppress(errors.PawsonalizeError):  # a sweep does it then
                self._withdraw(draft)
            raise

    def _withdraw(self, draft: Draft) -> None:
        """Delete what was uploaded, unless it is listed though the answer to that was lost."""
        if self._index.give_up(draft.name):
            self._emptied(draft, forget=True)
            return
        found = self._index.find(draft.location)
        if found is None or found.draft != draft.name:
            self._empty(draft)

    def _fetch(self, stored: ListedArtefact, folder: Path) -> None:
        """Fetch an artefact's files; ValueError if it is another one than the listed."""
        self._hurried.fetch(_key(stored, artefacts.SUMS), folder / artefacts.SUMS)
        if artefacts.digest_of(folder / artefacts.SUMS) != stored.digest:
            raise ValueError(f"{artefacts.SUMS} is not what was written")
        for name in artefacts.listed_digests((folder / artefacts.SUMS).read_text()):
            self._hurried.fetch(_key(stored, name), folder / name)
        log.info("fetched", artefact=stored.location, bytes=stored.size)

    def _emptied(self, draft: Draft, *, forget: bool) -> bool:
        if not self._empty(draft):
            return False
        if forget:
            self._index.forget(draft.name)
        else:
            self._index.emptied(draft.name)
        return True

    def _empty(self, draft: Draft) -> bool:
        try:
            for key in list(self._hurried.list(_folder(draft))):
                self._hurried.delete(key)
        except errors.StorageUnavailable as error:
            log.warning("objects not deleted yet", artefact=draft.location, reason=error.message)
            return False
        return True


@contextmanager
def _readable(location: str) -> Iterator[None]:
    try:
        yield
    except (*artefacts.UNREADABLE, errors.NotFound) as error:
        raise errors.CorruptArtefact(f"the model in {location} cannot be read: {error}") from error


def _cached_as(stored: ListedArtefact) -> str:
    return f"{stored.location}@{stored.digest[:_DIGITS]}"


def _folder(draft: Draft) -> str:
    return f"models/{draft.location}/{draft.name}"


def _key(stored: ListedArtefact, file: str) -> str:
    return f"models/{stored.location}/{stored.draft}/{file}"


def open_artefacts(settings: Settings, database: Database) -> BucketArtefacts:
    """Open the models that machines share."""
    url = settings.artefact_url
    return BucketArtefacts(
        ArtefactIndex(database),
        open_objects(url),
        open_objects(url, hurried=True),
        ArtefactCache(settings.model_cache_dir, settings.artefact_cache_megabytes * _MEGABYTE),
        clock.now,
    )
