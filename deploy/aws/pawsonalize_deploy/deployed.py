"""A stack as CloudFormation has it, and its changes."""

import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

Tell = Callable[[str], None]
TAG = "pawsonalize:stack"
"""What the stack makes has this tag, with the stack's name."""
_DONE = ("_COMPLETE", "_FAILED")
LIVE = ("CREATE_COMPLETE", "UPDATE_COMPLETE")
"""How a stack is after it was brought up."""
_STUCK = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED")
_POLL_SECONDS = 3.0


class DeployFailed(Exception):
    """A change that AWS did not carry out; says what and why."""


@dataclass(frozen=True, slots=True)
class Change:
    """One resource that would be made, changed or taken away."""

    action: str
    kind: str
    name: str
    replaced: bool

    def __str__(self) -> str:
        how = "Replace" if self.replaced else self.action
        return f"{how:8} {self.kind:45} {self.name}"


class DeployedStack:
    """One stack, which need not exist."""

    def __init__(self, client: Any, name: str, pause: float = _POLL_SECONDS) -> None:
        self._client = client
        self.name = name
        self._pause = pause

    def status(self) -> str | None:
        """Its status; None if there is none."""
        described = self._described()
        return None if described is None else str(described["StackStatus"])

    def outputs(self) -> dict[str, str]:
        """Its outputs by their names."""
        described = self._described() or {}
        return {one["OutputKey"]: one["OutputValue"] for one in described.get("Outputs", ())}

    def resources(self) -> dict[str, str]:
        """The physical id of each of its resources, by its logical id."""
        if self._described() is None:
            return {}
        pages = self._client.get_paginator("list_stack_resources").paginate(StackName=self.name)
        return {
            one["LogicalResourceId"]: one.get("PhysicalResourceId", "")
            for page in pages
            for one in page["StackResourceSummaries"]
            if not one["ResourceStatus"].startswith("DELETE_COMPLETE")
        }

    def template(self) -> Any:
        """The template it was last deployed with; None without one."""
        if self._described() is None:
            return None
        body = self._client.get_template(StackName=self.name)["TemplateBody"]
        return json.loads(body) if isinstance(body, str) else body

    def changes(self, template_url: str) -> list[Change]:
        """What would change with that template, as CloudFormation sees it; nothing is changed."""
        change_set = f"pawsonalize-{uuid.uuid4().hex[:12]}"
        named = {"StackName": self.name, "ChangeSetName": change_set}
        self._client.create_change_set(
            **named, ChangeSetType="UPDATE", **self._wanted(template_url)
        )
        while True:
            described = self._client.describe_change_set(**named)
            if described["Status"].endswith(_DONE):
                break
            time.sleep(self._pause)
        self._client.delete_change_set(**named)
        reason = described.get("StatusReason", "")
        if described["Status"] == "FAILED" and not _says_nothing_to_do(reason):
            raise DeployFailed(f"CloudFormation refuses the template: {reason}")
        return [_change(one["ResourceChange"]) for one in described["Changes"]]

    def apply(self, template_url: str, tell: Tell) -> None:
        """Create or update the stack, telling of each resource; DeployFailed says what failed."""
        status, wanted = self.status(), self._wanted(template_url)
        if status in _STUCK:
            raise DeployFailed(
                f"{self.name} is {status}, and CloudFormation cannot go on from there: run `down`,"
                " and then `up` again"
            )
        try:
            if status is None:
                self._client.create_stack(StackName=self.name, **wanted)
            else:
                self._client.update_stack(StackName=self.name, **wanted)
        except ClientError as error:
            if _says_nothing_to_do(str(error)):
                return
            raise
        status = self._follow(tell)
        if status not in LIVE:
            raise DeployFailed(f"{self.name} is {status}: {self._why()}")

    def _wanted(self, template_url: str) -> dict[str, Any]:
        return {
            "TemplateURL": template_url,
            "Capabilities": ["CAPABILITY_IAM"],
            # CloudFormation gives it to every resource.
            "Tags": [{"Key": TAG, "Value": self.name}],
        }

    def delete(self, tell: Tell) -> None:
        """Delete the stack, telling of each resource; DeployFailed says what stands in the way."""
        described = self._described()
        if described is None:
            return
        self._client.delete_stack(StackName=self.name)
        # By its id: the name of a stack that is gone leads nowhere.
        status = self._follow(tell, described["StackId"])
        if status not in (None, "DELETE_COMPLETE"):
            raise DeployFailed(f"{self.name} is {status}: {self._why()}")

    def _follow(self, tell: Tell, name: str = "") -> str | None:
        seen = {one["EventId"] for one in self._events(name)[1:]}
        while True:
            described = self._described(name)
            for one in reversed(self._events(name)):
                if one["EventId"] not in seen:
                    seen.add(one["EventId"])
                    tell(f"{one['ResourceStatus']:20} {one['LogicalResourceId']}")
            status = None if described is None else str(described["StackStatus"])
            if status is None or (status.endswith(_DONE) and "CLEANUP" not in status):
                return status
            time.sleep(self._pause)

    def _events(self, name: str = "") -> list[dict[str, Any]]:
        try:
            answer = self._client.describe_stack_events(StackName=name or self.name)
        except ClientError:
            return []
        return list(answer["StackEvents"])

    def _why(self) -> str:
        """The first thing that failed: what follows was only cancelled."""
        failed = [
            f"{one['LogicalResourceId']}: {one.get('ResourceStatusReason', '')}"
            for one in self._events()
            if one["ResourceStatus"].endswith("_FAILED")
        ]
        return failed[-1] if failed else "look at its events in the console"

    def _described(self, name: str = "") -> dict[str, Any] | None:
        try:
            found = self._client.describe_stacks(StackName=name or self.name)["Stacks"]
        except ClientError as error:
            if "does not exist" in str(error):
                return None
            raise
        return dict(found[0]) if found and found[0]["StackStatus"] != "DELETE_COMPLETE" else None


def _says_nothing_to_do(reason: str) -> bool:
    return "didn't contain changes" in reason or "No updates are to be performed" in reason


def _change(change: dict[str, Any]) -> Change:
    return Change(
        change["Action"],
        change["ResourceType"],
        change["LogicalResourceId"],
        change.get("Replacement") == "True",
    )
