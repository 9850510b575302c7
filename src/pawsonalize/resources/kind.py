"""A kind of resource as data: the registry, the doors and the commands are made from it.

`Kind` says on what a kind depends, how many there may be, and how one is created, changed and
deleted. `Native`, `Wire` and `Commands` describe it at `/v1`, at `/aws` and on the command line.
The class of the resource has the types and defaults of its fields. A function is named here, or
stands in the door's own file, only where a kind differs.

Functions get `parts`: the engine by the names that every door has for it, such as
`parts.registry`, `parts.datasets` and `parts.jobs`.
"""

import re
import secrets
from collections.abc import Callable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any, ClassVar, Final, Generic, TypeVar

import msgspec

from pawsonalize.core.errors import Conflict
from pawsonalize.core.times import iso

_48_BITS = 2**48 - 1
_62_BITS = 2**62 - 1


def new_recommendation_id(now: int) -> str:
    """The id of one answer: `RID-` and a UUID of version 7 (RFC 9562); `now` in milliseconds."""
    return _recommendation_id(now & _48_BITS, secrets.randbits(74))


def first_recommendation_id(moment: int) -> str:
    """The least id of an answer that may be given at that moment, in milliseconds since 1970."""
    return _recommendation_id(moment & _48_BITS, 0)


def _recommendation_id(moment: int, random: int) -> str:
    # 48 bits of time, the version, 12 bits of chance, the variant, 62 bits of chance (RFC 9562).
    bits = moment << 80 | 7 << 76 | (random >> 62) << 64 | 2 << 62 | random & _62_BITS
    text = f"{bits:032x}"
    return f"RID-{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def new_tracking_id() -> str:
    """A secret that lets a site send events into a dataset group."""
    return secrets.token_hex(16)


def new_resource_name(of: str, now: int) -> str:
    """The name of a resource without a given name, `of-20260517T093000000Z-1f2e3d`."""
    stamp = iso(now).translate(str.maketrans("", "", "-:."))
    return f"{of}-{stamp}-{secrets.token_hex(3)}"


class Status(StrEnum):
    """The state of a resource in its life."""

    CREATE_PENDING = "CREATE PENDING"
    CREATE_IN_PROGRESS = "CREATE IN_PROGRESS"
    ACTIVE = "ACTIVE"
    INACTIVE = "INACTIVE"
    CREATE_FAILED = "CREATE FAILED"
    CREATE_STOPPING = "CREATE STOPPING"
    CREATE_STOPPED = "CREATE STOPPED"
    DELETE_PENDING = "DELETE PENDING"
    DELETE_IN_PROGRESS = "DELETE IN_PROGRESS"

    @property
    def is_settled(self) -> bool:
        """True if it stays so until a new request."""
        return self in {Status.ACTIVE, Status.INACTIVE, Status.CREATE_FAILED, Status.CREATE_STOPPED}

    def may_become(self, other: "Status") -> bool:
        """True if the drawing above has an arrow to that status."""
        return other in _NEXT[self]


UNSETTLED = tuple(status for status in Status if not status.is_settled)
"""The states that end by themselves."""

_ENDS = frozenset({Status.CREATE_FAILED, Status.CREATE_STOPPING})
_NEXT: Mapping[Status, frozenset[Status]] = MappingProxyType(
    {
        Status.CREATE_PENDING: _ENDS | {Status.CREATE_IN_PROGRESS},
        Status.CREATE_IN_PROGRESS: _ENDS | {Status.ACTIVE},
        Status.ACTIVE: frozenset({Status.DELETE_PENDING, Status.INACTIVE}),
        Status.INACTIVE: frozenset({Status.DELETE_PENDING, Status.ACTIVE}),
        Status.CREATE_FAILED: frozenset({Status.CREATE_PENDING, Status.DELETE_PENDING}),
        Status.CREATE_STOPPING: frozenset({Status.CREATE_STOPPED}),
        Status.CREATE_STOPPED: frozenset({Status.CREATE_PENDING, Status.DELETE_PENDING}),
        Status.DELETE_PENDING: frozenset({Status.DELETE_IN_PROGRESS}),
        Status.DELETE_IN_PROGRESS: frozenset(),
    }
)


_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}", re.ASCII)


class Resource(msgspec.Struct, frozen=True, kw_only=True):
    """A named resource. Moments are milliseconds since 1970; the registry writes them.

    `kind` is its kind in words; `owner` is the field that names the resource it belongs to. `tags`
    are the operator's. `extras` are fields of the creating request that the engine does not use:
    the door stores them to return them.
    """

    kind: ClassVar[str]
    owner: ClassVar[str | None] = None

    name: str
    status: Status = Status.ACTIVE
    failure_reason: str | None = None
    created_at: int = 0
    updated_at: int = 0
    revision: int = 1
    tags: Mapping[str, str] = {}
    # Rows that are stored already have it by this name.
    extras: Mapping[str, Any] = msgspec.field(default_factory=dict, name="asked")


ResourceT = TypeVar("ResourceT", bound=Resource)


def moved(resource: ResourceT, status: Status, **changes: object) -> ResourceT:
    """The resource in another status, without an earlier failure; Conflict if it may not follow."""
    if not resource.status.may_become(status):
        raise Conflict(f"{resource.kind} {resource.name} is {resource.status}, so not now")
    return msgspec.structs.replace(
        resource, **{"status": status, "failure_reason": None, **changes}
    )


def is_name(name: str) -> bool:
    """True if a resource may have this name."""
    # It is also a folder's, and part of a path.
    return _NAME.fullmatch(name) is not None


Values = Mapping[str, Any]
"""Fields by their names, as a request has them."""
Action = Callable[[Any, str, int], Any]
"""Gets the parts, the name of a resource and the moment."""
REQUIRED: Final = object()


def always(_one: Resource, _other: Resource) -> bool:
    """True."""
    return True


def in_work(one: Resource, _other: Resource) -> bool:
    """True while the status of the first will change by itself."""
    return not one.status.is_settled


def name_of(resource: Resource) -> str | None:
    """Return the resource's name."""
    return resource.name


class Need(msgspec.Struct, frozen=True):
    """A resource that must be ACTIVE before one is created that names it in `field`."""

    field: str
    kind: type[Resource]
    check: Callable[[Any, Any], None] | None = None
    """Gets the new resource and the one that it needs; InvalidInput if they do not fit."""


class Block(msgspec.Struct, frozen=True):
    """Resources of `kind` that cannot be deleted while `condition` holds for one that needs them.

    `condition` gets the one that needs it, and the one to delete. `parent` returns the parent of
    those to look at; None: all of them.
    """

    kind: type[Resource]
    condition: Callable[[Any, Any], bool] = always
    parent: Callable[[Any], str | None] = name_of


class Quota(msgspec.Struct, frozen=True, kw_only=True):
    """Number of resources that there may be: of a parent, or of a dataset group, or in all."""

    limit: int
    of_parent: bool = True
    of_group: bool = False
    in_work: bool = False  # True: those that are not settled count
    alike: str = ""  # the field that is the same in those that count
    scope: str = " in a dataset group"
    advice: str = ""


class Field(msgspec.Struct, frozen=True):
    """A field of a type at `/v1` that differs from the resource's.

    In a request `of` is the value that it becomes; in an answer the attribute, or a function of the
    resource, that it shows.
    """

    name: str
    type: Any
    default: Any = REQUIRED
    of: str | Callable[[Any], Any] = ""


class Native(msgspec.Struct, frozen=True, kw_only=True):
    """A kind at `/v1`: summaries of its operations, and the fields of its types.

    An operation without a summary does not exist. `docs` are the texts of the types `request`,
    `change`, `answer` and `list`, and `types` their names if those are not the kind's own.
    """

    list: str
    get: str = ""  # empty: `One …`
    create: str = ""
    change: str = ""
    delete: str = ""
    actions: Mapping[str, str] = {}
    """Summaries of `POST …/{name}/{action}`; `Kind.actions` does them."""
    request: tuple[str | Field, ...] = ()
    changes: tuple[str | Field, ...] = ()
    answer: tuple[str | Field, ...] = ()
    docs: Mapping[str, str] = {}
    types: Mapping[str, str] = {}
    examples: Values = {}
    change_examples: Values = {}
    status: int = 201  # of a creation: 202 if it is done in the background
    tag: str = "Data"  # the group of operations in the docs: see `app/http/tags.toml`
    noun: str = ""  # the kind in the description of its name, if it is another one
    # True if a campaign may stand for its dataset group, and both may be in the query.
    by_address: bool = False


class Wire(msgspec.Struct, frozen=True, kw_only=True):
    """A kind at `/aws`, where the shapes of Amazon Personalize decide which members there are.

    Names of operations, ARNs and members follow from the kind's name; fields that name resources
    are ARNs.
    """

    creates: str = ""
    """The effect of a creation, for the page of coverage; empty: a function of the door creates."""
    deletes: str = ""  # the effect of a deletion; empty: there is none
    members: Mapping[str, str] = {}
    """Paths of members, such as `dataSource.dataLocation`, and the fields that they are."""
    # Members of a creation that are answered as they came, and do nothing else.
    stored: tuple[str, ...] = ()
    defaults: Values = {}  # fields of a creation that have another default here
    shown: Mapping[str, Callable[[Any], Any]] = {}  # more members of an answer
    plural: str = ""  # the member that lists them, if it does not follow from the kind's name


class Param(msgspec.Struct, frozen=True):
    """An argument or an option of a command.

    Its type and bounds are those of the resource's field, unless it has a type of its own. `unset`
    is the help's word for its default, `read` makes the field's value of the given one.
    """

    name: str
    help: str
    type: Any = None
    is_argument: bool = False
    unset: str = ""
    flag: str = ""
    read: Callable[[Any], Any] | None = None


CommandText = tuple[str, str]
"""The help of a command, and the arguments of its example."""


class Commands(msgspec.Struct, frozen=True, kw_only=True):
    """A kind on the command line; there is a command for each text.

    The params `name` and `dataset_group` are the same for all kinds.
    """

    panel: str  # the headline of the main help below which it stands
    about: str
    columns: tuple[str, ...]  # the fields that `ls` prints
    filter: str = "Only those of this one, by its name or ARN."
    """The help of the option of `ls` that names a parent; empty: none."""
    ls_example: str = ""  # the arguments of the example of `ls`
    show: CommandText
    look: Action | None = None  # reads one, if the registry does not
    create: CommandText | None = None
    params: tuple[str | Param, ...] = ()
    begins: bool = False  # true if `create` makes the data folder if need be
    update: CommandText | None = None
    changes: tuple[Param, ...] = ()
    delete: CommandText | None = None
    actions: Mapping[str, CommandText] = {}


class Kind(msgspec.Struct, Generic[ResourceT], frozen=True, kw_only=True):
    """A kind of resource."""

    resource: type[ResourceT]
    parent: type[Resource] | None = None
    """The kind that the `owner` field names; None: it belongs to none."""
    refers: Mapping[str, type[Resource]] = {}  # other fields that name resources
    # True: its parent must be ACTIVE before it is created. False: `create` sees to that.
    needs_parent: bool = True
    needs: tuple[Need, ...] = ()  # others that must be ACTIVE
    # When it keeps its parent from being deleted; None: always, and of a job while it is done.
    blocks_parent: Callable[[Any, Any], bool] | None = None
    blocks: tuple[Block, ...] = ()  # others that it keeps from being deleted
    quota: Quota | None = None
    is_job: bool = False  # true if the job table does it in the background
    of_group: bool = True  # true if a key of one dataset group reaches those of that group
    create: Callable[[Any, Values, int], ResourceT] | None = None
    """None: the registry, or the job table, stores one of these fields."""
    change: Callable[[Any, str, Values, int], ResourceT] | None = None
    delete: Action | None = None  # None: the registry, or the job table, removes it
    actions: Mapping[str, Action] = {}
    native: Native | None = None
    wire: Wire | None = None
    commands: Commands | None = None

    @property
    def word(self) -> str:
        """The kind in words, such as `dataset group`."""
        return self.resource.kind

    @property
    def path(self) -> str:
        """Its name in ARNs; with an `s` in paths and commands: `dataset-group`."""
        return self.word.replace(" ", "-")

    @property
    def references(self) -> Mapping[str, type[Resource]]:
        """Every field that names a resource, with the kind of that."""
        owner = self.resource.owner
        parents = {} if owner is None or self.parent is None else {owner: self.parent}
        return {**parents, **self.refers}

    @property
    def needed(self) -> tuple[Need, ...]:
        """Everything that must be ACTIVE before one is created."""
        if self.parent is None or self.resource.owner is None or not self.needs_parent:
            return self.needs
        return (Need(self.resource.owner, self.parent), *self.needs)

    @property
    def blocking(self) -> tuple[Block, ...]:
        """Everything that cannot be deleted while there is one that needs it."""
        if self.parent is None:
            return self.blocks
        condition = self.blocks_parent or (in_work if self.is_job else always)
        return (Block(self.parent, condition), *self.blocks)

    def make(self, parts: Any, values: Values, now: int) -> ResourceT:
        """Create a resource of these fields; raises what the kind's own function does."""
        if self.create is not None:
            return self.create(parts, values, now)
        resource = self.resource(**values)
        created: ResourceT = (
            parts.jobs.create(resource) if self.is_job else parts.registry.create(resource, now)
        )
        return created

    def remove(self, parts: Any, name: str, now: int) -> None:
        """Delete a resource; NotFound without it, Conflict that names what goes first."""
        if self.delete is not None:
            self.delete(parts, name, now)
        elif self.is_job:
            parts.jobs.delete(self.resource, name)
        else:
            parts.registry.delete(self.resource, name)


AnyKind = Kind[Any]
"""A kind of whatever resource."""
