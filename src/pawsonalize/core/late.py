"""Modules that are imported, and objects that are made, when they are first used."""

from contextlib import AbstractContextManager
from functools import cached_property
from importlib import import_module
from typing import Any, TypeVar, overload

T = TypeVar("T")


class _Late:
    """A module that is imported when its first attribute is read."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        value = getattr(import_module(self._name), attribute)
        setattr(self, attribute, value)  # found without this function from now on
        return value


def late(name: str) -> Any:
    """Return a stand-in for a module, which is imported when something of it is used."""
    # For the type checker, import the module itself under TYPE_CHECKING.
    return _Late(name)


class made_once(cached_property[T]):  # noqa: N801 - a decorator, like its base
    """A cached property that is made once, whichever threads ask for it first.

    The object has an RLock in `making`. From Python 3.12 on, `cached_property` alone lets each
    thread make one of its own.
    """

    @overload
    def __get__(self, instance: None, owner: type[Any] | None = None) -> "made_once[T]": ...
    @overload
    def __get__(self, instance: object, owner: type[Any] | None = None) -> T: ...

    def __get__(self, instance: object, owner: type[Any] | None = None) -> "made_once[T] | T":
        """Return the part, made under the lock of its object; this property itself of a class."""
        if instance is None:
            return self
        making: AbstractContextManager[bool] = vars(instance)["making"]
        with making:
            return super().__get__(instance, owner)
