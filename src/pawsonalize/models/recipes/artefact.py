"""Artefacts: a model as a card and plain arrays, checked when they come back."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from itertools import pairwise
from typing import Annotated, Any, NamedTuple, Self, TypeVar, get_args, get_origin, get_type_hints

import msgspec
import numpy as np
from msgspec.structs import asdict

from pawsonalize.core.errors import CorruptArtefact, InvalidInput
from pawsonalize.models.recipes.data import Array, Arrays, Ints

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
    extra: Mapping[str, object] | None = None,
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


def take(arrays: Arrays, name: str, dtype: type[object], shape: tuple[int | None, ...]) -> Array:
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


Sizes = dict[str, int]
"""Lengths of axes by name; whoever reads an array adds those that were not known."""
Check = Callable[[str, Array, Sizes], None]
"""Raises CorruptArtefact for what an array of that name cannot hold."""


def weights(name: str, array: Array, _sizes: Sizes) -> None:
    """Check that all numbers are finite and at least 0."""
    if not (np.isfinite(array) & (array >= 0)).all():
        raise CorruptArtefact(f"array {name!r} holds weights below 0 or without a value")


def finite(name: str, array: Array, _sizes: Sizes) -> None:
    """Check that all numbers are finite."""
    if not np.isfinite(array).all():
        raise CorruptArtefact(f"array {name!r} holds numbers without a value")


def below(length: str) -> Check:
    """Return the check that all are codes in 0…length-1."""
    return lambda name, array, sizes: check_codes(name, array, sizes[length])


def rising_to(length: str) -> Check:
    """Return the check that the numbers are offsets, which rise from 0 to the length."""
    return lambda name, array, sizes: check_offsets(name, array, sizes[length])


class Kept(NamedTuple):
    """Annotation of a field of `Stored`: the name of its array, the shape, and a check of values.

    The shape has a length for each axis, a name or a number: `2 items cells+1`. The shape of names
    is the name of their number. A field that is `Stored` itself puts `name` before the names of its
    arrays; if it has a shape, that is a length, and the only one that its arrays know, as `rows`.
    """

    name: str
    shape: str = ""
    check: Check | None = None


class Stored(msgspec.Struct, frozen=True):
    """Base of what artefacts hold. Fields with a `Kept` are arrays, names, or `Stored` in turn."""

    def arrays(self) -> dict[str, Array]:
        """Return all that is kept as plain arrays; of a field that is None there are none."""
        arrays: dict[str, Array] = {}
        for field, kept, _ in _kept_fields(type(self)):
            value = getattr(self, field)
            if isinstance(value, Stored):
                arrays |= {kept.name + name: array for name, array in value.arrays().items()}
            elif isinstance(value, tuple):
                arrays |= pack_strings(kept.name, value)
            elif value is not None:
                arrays[kept.name] = value
        return arrays

    @classmethod
    def from_arrays(
        cls, arrays: Arrays, sizes: Sizes | None = None, prefix: str = "", **given: object
    ) -> Self:
        """Rebuild from arrays, and fields that are `given`; CorruptArtefact when they misfit."""
        return cls(**cls.read(arrays, {} if sizes is None else sizes, prefix, **given))

    @classmethod
    def read(
        cls, arrays: Arrays, sizes: Sizes, prefix: str = "", **given: object
    ) -> dict[str, Any]:
        """Return the kept fields, with those that are `given`; else as `from_arrays`."""
        for field, kept, kind in _kept_fields(cls):
            name = prefix + kept.name
            if field in given:
                continue
            if kind == tuple[str, ...]:
                given[field] = names = unpack_strings(name, arrays)
                count = len(names)
                if sizes.get(kept.shape, count) != count:
                    raise CorruptArtefact(f"there are {count} {name!r}, not {sizes[kept.shape]}")
                sizes |= {kept.shape: count, f"{kept.shape}+1": count + 1}
            elif get_origin(kind) is np.ndarray:
                dtype, lengths = get_args(get_args(kind)[1])[0], kept.shape.split()
                known = (int(one) if one.isdigit() else sizes.get(one) for one in lengths)
                given[field] = array = take(arrays, name, dtype, tuple(known))
                sizes |= zip(lengths, array.shape, strict=True)
                if kept.check is not None:
                    kept.check(name, array, sizes)
            else:
                rows = sizes.get(kept.shape, 0)
                own = {"rows": rows, "rows+2": rows + 2} if kept.shape else sizes
                given[field] = kind.from_arrays(arrays, own, name)
        return given


@cache
def _kept_fields(kind: type[Stored]) -> list[tuple[str, Kept, Any]]:
    """Return the fields with a `Kept`, each with its type."""
    hints = get_type_hints(kind, include_extras=True).items()
    annotated = [(field, get_args(one)) for field, one in hints if get_origin(one) is Annotated]
    return [(field, kept, of) for field, (of, kept) in annotated]
