"""Artefacts: a model as a card and plain arrays, checked when they come back."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, TypeVar

import msgspec
import numpy as np
from msgspec.structs import asdict

from pawsonalize.domain.errors import CorruptArtefact, InvalidInput
from pawsonalize.recipes.data import Array, Arrays, Ints, Singles

SettingsT = TypeVar("SettingsT")


class ModelCard(msgspec.Struct, frozen=True):
    """The JSON of a model; a new `format` says that the meaning of the arrays changed."""

    recipe: str
    format: int
    settings: Mapping[str, Any]
    seed: int
    fingerprint: str
    extra: Mapping[str, Any]


def make_card(
    recipe: str,
    form: int,
    settings: Any,
    seed: int,
    data_fingerprint: str,
    extra: Mapping[str, Any] | None = None,
) -> ModelCard:
    """The card of a model just fitted; `settings` is the recipe's frozen dataclass."""
    return ModelCard(recipe, form, asdict(settings), seed, data_fingerprint, dict(extra or {}))


def read_card(card: ModelCard, recipe: str, form: int, settings: type[SettingsT]) -> SettingsT:
    """The settings of a stored card; CorruptArtefact unless recipe, format and settings fit."""
    if card.recipe != recipe:
        raise CorruptArtefact(f"the artefact is a {card.recipe!r}, not a {recipe!r}")
    if card.format != form:
        raise CorruptArtefact(
            f"the {recipe} artefact has format {card.format}, this version reads {form}:"
            " train it again"
        )
    try:
        return settings(**card.settings)
    except (TypeError, InvalidInput) as error:
        raise CorruptArtefact(f"the {recipe} card has settings that do not fit: {error}") from error


def take(arrays: Arrays, name: str, dtype: type[Any], shape: tuple[int | None, ...]) -> Array:
    """Return a checked array as a plain view; None in `shape` is any length."""
    if name not in arrays:
        raise CorruptArtefact(f"the artefact lacks the array {name!r}")
    # Not `asanyarray`: each look into a memory map costs several times one into an array.
    array = np.asarray(arrays[name])
    if array.dtype != np.dtype(dtype):
        raise CorruptArtefact(f"array {name!r} holds {array.dtype}, expected {np.dtype(dtype)}")
    fits = len(array.shape) == len(shape) and all(
        want in (None, have) for want, have in zip(shape, array.shape, strict=True)
    )
    if not fits:
        raise CorruptArtefact(f"array {name!r} has shape {array.shape}, expected {shape}")
    return array


def take_weights(arrays: Arrays, name: str, shape: tuple[int | None, ...]) -> Singles:
    """The same for float32 weights, which are finite and at least 0."""
    weights = take(arrays, name, np.float32, shape)
    if not (np.isfinite(weights) & (weights >= 0)).all():
        raise CorruptArtefact(f"array {name!r} holds weights below 0 or without a value")
    return weights


def pack_strings(name: str, texts: Sequence[str]) -> dict[str, Array]:
    """Texts as two arrays: `name.bytes` (UTF-8, joined) and `name.offsets` (len + 1)."""
    # Ids may hold lone surrogates, which UTF-8 refuses otherwise.
    encoded = [text.encode("utf-8", "surrogatepass") for text in texts]
    offsets = np.zeros(len(encoded) + 1, np.int64)
    np.cumsum([len(part) for part in encoded], out=offsets[1:])
    return {f"{name}.bytes": np.frombuffer(b"".join(encoded), np.uint8), f"{name}.offsets": offsets}


def unpack_strings(name: str, arrays: Arrays) -> tuple[str, ...]:
    """The texts that `pack_strings` packed; CorruptArtefact when the arrays do not fit."""
    joined = take(arrays, f"{name}.bytes", np.uint8, (None,)).tobytes()
    offsets = take(arrays, f"{name}.offsets", np.int64, (None,))
    check_offsets(name, offsets, len(joined))
    ends = offsets.tolist()
    try:
        return tuple(
            joined[start:end].decode("utf-8", "surrogatepass") for start, end in pairwise(ends)
        )
    except UnicodeDecodeError as error:
        raise CorruptArtefact(f"array '{name}.bytes' is not UTF-8 text") from error


def check_offsets(name: str, offsets: Ints, total: int) -> None:
    """CorruptArtefact unless the offsets rise from 0 to `total`."""
    rises = len(offsets) > 0 and offsets[0] == 0 and offsets[-1] == total
    if not rises or bool(np.any(np.diff(offsets) < 0)):
        raise CorruptArtefact(f"the offsets of {name!r} do not rise from 0 to {total}")


def check_codes(name: str, codes: Array, below: int) -> None:
    """CorruptArtefact unless every code is in 0…below-1."""
    # An empty array has neither least nor greatest.
    if codes.size and not 0 <= int(codes.min()) <= int(codes.max()) < below:
        raise CorruptArtefact(f"array {name!r} points outside 0…{below - 1}")
