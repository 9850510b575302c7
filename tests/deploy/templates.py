"""The templates of both forms, as `pawsonalize-deploy synth` writes them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

import pawsonalize_deploy.stack  # noqa: F401 - says where Node.js is, before CDK is imported
from pawsonalize_deploy.settings import DeploySettings, read_deploy_settings
from tests.aws_shapes import REGION

ENV = "test"
FORMS = ("pawsonalize", "amazon-personalize")
Found = dict[str, Any]


def settings_of(engine: str, **more: Any) -> DeploySettings:
    """What config/dev.yml says, for one of the engines."""
    read = read_deploy_settings("dev")
    return msgspec.structs.replace(
        read, **({"engine": engine, "region": REGION, "image": "example/pawsonalize:1"} | more)
    )


@dataclass(frozen=True)
class Template:
    """A template with what one asks of it."""

    engine: str
    folder: Path
    content: Found

    def of(self, kind: str) -> dict[str, Found]:
        """The resources of a kind by their names."""
        return {
            name: one
            for name, one in self.content["Resources"].items()
            if one["Type"] == f"AWS::{kind}"
        }

    def properties(self, kind: str) -> list[Found]:
        return [one["Properties"] for one in self.of(kind).values()]

    def only(self, kind: str) -> Found:
        (one,) = self.properties(kind)
        return one

    def statements(self) -> Iterator[tuple[str, Found]]:
        """What roles may do, each with the name of its policy."""
        for name, one in self.of("IAM::Policy").items():
            for statement in one["Properties"]["PolicyDocument"]["Statement"]:
                yield name, statement

    def may(self, role: str) -> set[str]:
        """What the roles may do whose policies' names begin so."""
        return {
            action
            for name, statement in self.statements()
            if name.startswith(role)
            for action in listed(statement["Action"])
        }


def read_template(engine: str, folder: Path) -> Template:
    content = json.loads((folder / f"{ENV}-pawsonalize.template.json").read_text())
    return Template(engine, folder, content)


def listed(value: Any) -> list[Any]:
    """IAM writes one thing without a list."""
    return value if isinstance(value, list) else [value]


def text(value: Any) -> str:
    """A value of a template as text, for looking into it."""
    return json.dumps(value)
