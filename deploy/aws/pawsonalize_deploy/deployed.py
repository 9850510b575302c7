"""A stack as CloudFormation has it, and its changes."""

import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

Tell = Callable[[str], None]
_DONE = ("_COMPLETE", "_FAILED")
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

    def plan(self, template_url: str) -> tuple[str, list[Change]]:
        """Make a change set to that template; answers its name, and the changes."""
        status = self.status()
        if status == "ROLLBACK_COMPLETE":
            raise DeployFailed(
                f"{self.name} was not created the last time, and CloudFormation cannot go on from"
                " there: run `down` first"
            )
        change_set = f"pawsonalize-{uuid.uuid4().hex[:12]}"
        self._client.create_change_set(
            StackName=self.name,
            ChangeSetName=change_set,
            ChangeSetType="UPDATE" if status not in (None, "REVIEW_IN_PROGRESS") else "CREATE",
            TemplateURL=template_url,
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"],
        )
        while True:
            described = self._client.describe_change_set(
                StackName=self.name, ChangeSetName=change_set
            )
            if described["Status"].endswith(("_COMPLETE", "FAILED")):
                break
            time.sleep(self._pause)
        if described["Status"] == "FAILED":
            reason = described.get("StatusReason", "")
            self.forget(change_set)
            if "didn't contain changes" in reason or "No updates" in reason:
                return "", []
            raise DeployFailed(f"CloudFormation refuses the template: {reason}")
        return change_set, [_change(one["ResourceChange"]) for one in described["Changes"]]

    def forget(self, change_set: str) -> None:
        """Take a change set back, and what CloudFormation holds of a stack that is not yet one."""
        self._client.delete_change_set(StackName=self.name, ChangeSetName=change_set)
        if self.status() == "REVIEW_IN_PROGRESS":
            self._client.delete_stack(StackName=self.name)

    def carry_out(self, change_set: str, tell: Tell) -> None:
        """Execute a change set, telling of each resource; DeployFailed says what went wrong."""
        self._client.execute_change_set(StackName=self.name, ChangeSetName=change_set)
        status = self._follow(tell)
        if status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            raise DeployFailed(f"{self.name} is {status}: {self._why()}")

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


def _change(change: dict[str, Any]) -> Change:
    return Change(
        change["Action"],
        change["ResourceType"],
        change["LogicalResourceId"],
        change.get("Replacement") == "True",
    )
