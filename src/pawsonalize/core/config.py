"""Sources of settings: a config file and environment variables."""

import difflib
import re
from collections.abc import Collection, Hashable, Mapping, MutableMapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

import msgspec

from pawsonalize.core.errors import InvalidInput, PawsonalizeError
from pawsonalize.core.late import late
from pawsonalize.core.plugin import absence

if TYPE_CHECKING:
    import yaml
else:
    yaml = late("yaml")

PREFIX = "PAWSONALIZE_"
_FOLDER = Path("config")
USUAL_FILE = _FOLDER / "dev.yaml"
"""File that is read below the current folder unless another one is named."""
_ENV, _CONFIG = PREFIX + "ENV", PREFIX + "CONFIG"
# The variable in which a server says to its processes where its settings were written, as JSON.
SOURCES = PREFIX + "SETTINGS_FROM"
# The variable that names a folder whose files are variables, as containers are given secrets.
SECRETS = PREFIX + "SECRETS_DIR"
_DEFAULT_ENV = "dev"
_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "str": "text, in quotes if it looks like a number or a date",
}
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*")
_LOGIN = re.compile(r"(?<=://)([^/?#@\s:]*):[^/?#@\s]*@")
_IN_QUERY = re.compile(r"(?i)\b((?:ssl)?password|secret|token|sig|key)=[^&\s]*")
_NO_SETTINGS = frozenset({_ENV, _CONFIG, SOURCES, SECRETS})
# Read by the tests and the benchmarks, not by the service.
_OF_DEVELOPERS = re.compile(r"PAWSONALIZE_(TEST_.*|SHARED_DATA|FUZZ|SASREC_EPOCHS)")
# What config files for AWS's deployment hold beside the settings that we have too.
_OF_AWS = {
    ".*(ssm|arn|name)path": "names an entry of AWS's Parameter Store",
    "vpcid|subnetids?|securitygroupids?": "names a network of AWS",
    "account(id)?|region|stackname|tags|.*arn": "is about an account of AWS",
}


# A name that nobody knows is never passed over: in the file it is an error, in the environment a
# warning, and both name the setting that was probably meant. One of a plugin that is not there is
# an error in both.
class Written(msgspec.Struct, frozen=True):
    """Values and sources of settings by name, and the config file that was read, if any.

    `faults` are of what cannot be used, `warnings` of what has no effect, and `notes` of what has a
    meaning elsewhere.
    """

    values: Mapping[str, Any]
    sources: Mapping[str, str]
    file: Path | None
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()


def fault_of(error: PawsonalizeError, sources: Mapping[str, str]) -> str:
    """Return an error about a setting as text, with the place where the setting was written."""
    source = sources.get(error.field or "")
    return f"{error} ({error.field} is from {source})" if source else str(error)


def refuse(faults: Sequence[str], field: str | None = None) -> None:
    """InvalidInput with all the faults, if there are any; a single one is that of the field."""
    if len(faults) == 1:
        raise InvalidInput(faults[0], field=field)
    if faults:
        raise InvalidInput("\n  ".join([f"{len(faults)} things are wrong:", *faults]))


class Secret(str):
    """Text that does not show itself when settings are printed."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'…'" if self else "''"


def display_value(value: object) -> str:
    """A setting's value as text for people; secrets, and passwords inside of URLs, are hidden."""
    if isinstance(value, Secret):
        return "…" if value else ""
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {one}" for name, one in value.items())
    if isinstance(value, bool):
        return str(value).lower()
    return _IN_QUERY.sub(r"\1=…", _LOGIN.sub(r"\1:…@", str(value)))


def read_secrets(environ: MutableMapping[str, str]) -> None:
    """Make a variable of each file in the folder of secrets, by its name; what is set stays.

    InvalidInput if folder or file cannot be read.
    """
    # Files without the name of a variable are passed over, as systems keep files of their own
    # there.
    if not (given := environ.get(SECRETS)):
        return
    try:
        for path in sorted(Path(given).iterdir()):
            if _VARIABLE.fullmatch(path.name) and path.is_file():
                environ.setdefault(path.name, path.read_text(encoding="utf-8").rstrip("\r\n"))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it holds no text"
        raise InvalidInput(
            f"{SECRETS} names {given}, and {getattr(error, 'filename', None) or path} cannot be"
            f" read ({reason}): let the user who runs this read it, or take the variable away"
        ) from error


def read_config(
    known: Collection[str], environ: Mapping[str, str], file: Path | None = None
) -> Written:
    """Read the config file, then the environment, which wins; `known` are the settings' names.

    The file is `file`, PAWSONALIZE_CONFIG, or config/{env}.yaml or .yml below the current folder.
    InvalidInput for a file that is missing or cannot be read; unknown names are faults.
    """
    path = _find_file(environ if file is None else {_CONFIG: str(file)})
    warnings, notes, faults = list[str](), list[str](), list[str]()
    values = {} if path is None else _read_file(path, known, warnings, notes, faults)
    sources = dict.fromkeys(values, str(path))
    for variable, value in environ.items():
        if not variable.upper().startswith(PREFIX) or variable in _NO_SETTINGS:
            continue
        name = variable.removeprefix(PREFIX).lower()
        if name in known and variable == PREFIX + name.upper():
            values[name], sources[name] = value, f"the variable {variable}"
        elif reason := absence(f"setting {_plain(name)}"):
            faults.append(f"the variable {variable} is of no setting: {reason}")
        elif not _OF_DEVELOPERS.fullmatch(variable):
            warnings.append(_unknown_variable(variable, known))
    if given := environ.get(SOURCES):  # it has put all settings into variables
        sources = msgspec.json.decode(given, type=dict[str, str])
    return Written(values, sources, path, tuple(warnings), tuple(notes), tuple(faults))


def _find_file(environ: Mapping[str, str]) -> Path | None:
    """The config file that the variables name, else the usual one if it exists."""
    if given := environ.get(_CONFIG):
        if not Path(given).is_file():
            raise InvalidInput(
                f"{_CONFIG} names {Path(given).absolute()}, and there is no such file: correct it,"
                " or take the variable away"
            )
        return Path(given)
    env = environ.get(_ENV) or _DEFAULT_ENV
    usual = [_FOLDER / f"{env}{suffix}" for suffix in (".yaml", ".yml")]
    found = [path for path in usual if path.is_file()]
    if len(found) > 1:
        raise InvalidInput(
            f"{found[0]} and {found[1]} are both there, and only one can count: merge them into"
            f" {found[0]}"
        )
    if not found and environ.get(_ENV):
        there = sorted(path.name for path in _FOLDER.glob("*.y*ml"))
        listed = f"there is {', '.join(there)}" if there else "there is no config file"
        raise InvalidInput(
            f"{_ENV} is {env}, and there is no file {usual[0].absolute()}: in that folder"
            f" {listed}."
            f" Correct {_ENV}, run the command where the file is, or name the file in {_CONFIG}"
        )
    return found[0] if found else None


def _read_file(
    path: Path, known: Collection[str], warnings: list[str], notes: list[str], faults: list[str]
) -> dict[str, object]:
    """Return the values of a config file; add what is to be said of it to the lists."""
    by_plain_name = {_plain(name): name for name in known}
    values: dict[str, object] = {}
    spelt: dict[str, str] = {}
    content = _read_yaml(path)
    if content is None:
        warnings.append(f"{path} is empty: nothing is set by it")
    for key, value in (content or {}).items():
        if not isinstance(key, str):
            faults.append(f"{path}: {key!r} is not the name of a setting: write `name: value`")
            continue
        name = by_plain_name.get(_plain(key))
        if name in spelt:
            faults.append(
                f"{path} sets {name} twice, as {spelt[name]} and as {key}: keep one of them"
            )
        elif name is not None:
            values[name], spelt[name] = value, key
        elif reason := _reason_on_aws(key):
            notes.append(
                f"{path}: {key} {reason}: `pawsonalize-deploy` reads it, nothing here does"
            )
        elif reason := absence(f"setting {_plain(key)}"):
            faults.append(f"{path}: there is no setting {key}: {reason}")
        else:
            hint = "take it out (docs/reference/settings.md lists the settings)"
            if likely := nearest(key, known):
                hint = f"did you mean {likely}?"
            faults.append(f"{path}: there is no setting {key}: {hint}")
    return values


def _read_yaml(path: Path) -> dict[object, object] | None:
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), _loader())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InvalidInput(f"{path} cannot be read: {error}") from error
    if not isinstance(content, dict | None):
        raise InvalidInput(f"{path} must hold `name: value` lines, and holds {content!r:.50}")
    return content


@cache
def _loader() -> "type[yaml.SafeLoader]":
    class OnceOnlyLoader(yaml.SafeLoader):
        def construct_mapping(
            self, node: "yaml.MappingNode", deep: bool = False
        ) -> dict[Hashable, object]:
            """See `SafeLoader.construct_mapping`; refuse a key that YAML would overwrite."""
            seen = set()
            for key, _ in node.value:
                if not isinstance(key, yaml.ScalarNode):
                    continue
                if key.value in seen:
                    line = key.start_mark.line + 1
                    reason = f"{key.value} is set twice, again in line {line}: keep one"
                    raise yaml.YAMLError(reason)
                seen.add(key.value)
            return super().construct_mapping(node, deep)

    return OnceOnlyLoader


def _reason_on_aws(name: str) -> str | None:
    """Return what a setting's name means in AWS's deployment; None if it has no meaning there."""
    plain = _plain(name)
    return next((reason for names, reason in _OF_AWS.items() if re.fullmatch(names, plain)), None)


def _unknown_variable(variable: str, known: Collection[str]) -> str:
    name = variable.upper().removeprefix(PREFIX)
    if _reason_on_aws(name):
        return f"the variable {variable} is for AWS's deployment and has no meaning here"
    hint = "there is no setting of that name"
    if likely := nearest(name, (*known, "env", "config", "secrets_dir")):
        hint = f"did you mean {PREFIX}{likely.upper()}?"
    return f"the variable {variable} is without effect: {hint}"


def nearest(name: str, known: Collection[str]) -> str | None:
    """The known name that is spelt most like this one, or None if none is near."""
    by_plain_name = {_plain(each): each for each in known}
    found = difflib.get_close_matches(_plain(name), by_plain_name, n=1, cutoff=0.75)
    return by_plain_name[found[0]] if found else None


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def expected_value(kind: object, complaint: str) -> str:
    """Say what to write instead of a value that msgspec's `complaint` refuses, by its type."""
    if get_origin(kind) is Literal:
        return f"write one of {', '.join(get_args(kind))}"
    for expected, words in _KINDS.items():
        if complaint.startswith(f"Expected `{expected}`"):
            bound = complaint.removeprefix(f"Expected `{expected}`").partition(", got")[0]
            return f"write {words}{bound}"
    return complaint


def read_json(name: str, value: object) -> object:
    """A setting that is JSON where it is text: in an environment variable."""
    if not isinstance(value, str):
        return value
    try:
        return msgspec.json.decode(value) if value.strip() else {}
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidInput(
            f'{PREFIX}{name.upper()} must be JSON, such as {{"DetailView": "view"}}: {error}',
            field=name,
        ) from error
