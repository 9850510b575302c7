"""The base of what callers send."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

import msgspec


class Form(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Fields that a caller sends; `decode` names unknown ones and refuses misspelt ones.

    `synonyms` are other words that callers have for a field, lower case without separators, each
    with the path to write instead.
    """

    synonyms: ClassVar[Mapping[str, str]] = MappingProxyType({})
