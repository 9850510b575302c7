"""An environment goes up, and down again: the stack, the keys, and Amazon Personalize's things."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from msgspec import structs

from pawsonalize.resources.access_keys import secret_of
from pawsonalize_deploy.account import Account
from pawsonalize_deploy.adopted import Adopted, find_adopted, paths
from pawsonalize_deploy.deployed import LIVE, Change, DeployFailed, Tell
from pawsonalize_deploy.names import KEY_SCOPES
from pawsonalize_deploy.settings import DeploySettings
from pawsonalize_deploy.written import filled, template_of

_SEED = {"interactions*.csv": "interactions", "items*.csv": "items"}
_SETUP_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class DeployedEnvironment:
    """One environment in one account."""

    settings: DeploySettings
    account: Account
    tell: Tell

    def in_its_network(self) -> "DeployedEnvironment":
        """The same with the subnets of its VPC, where the config names that alone."""
        settings = self.settings
        if settings.engine != "pawsonalize" or not settings.vpc_id or settings.availability_zones:
            return self
        zones, private, public = self.account.subnets(settings.vpc_id)
        if len(zones) < 2 or (settings.internet_facing and len(public) != len(zones)):
            raise DeployFailed(
                f"{settings.vpc_id} has {len(zones)} zones with a private subnet that has a way"
                f" out, {len(public)} of them with a public one, and two are needed: make them, or"
                " give --set vpcId= for a VPC of its own"
            )
        return replace(
            self,
            settings=structs.replace(
                settings,
                availability_zones=zones,
                private_subnet_ids=private,
                public_subnet_ids=public if settings.internet_facing else [],
            ),
        )

    def adopted(self) -> Adopted:
        """What exists and is not this stack's own."""
        own = set(self.account.stack.resources().values())
        return find_adopted(self.settings, self.account.parameter, own)

    def differs(self, assembly: Path) -> bool:
        """Whether the stack is not what the templates say."""
        stack = self.account.stack
        return stack.status() not in LIVE or stack.template() != template_of(assembly, stack.name)

    def changes(self, assembly: Path) -> list[Change]:
        """What `up` would change in the stack."""
        if not self.differs(assembly):
            return []
        stack = self.account.stack
        if stack.status() is None:
            made = template_of(assembly, stack.name)["Resources"]
            return [Change("Add", one["Type"], name, replaced=False) for name, one in made.items()]
        return stack.changes(self.account.assets.publish(assembly, stack.name))

    def up(self, assembly: Path, seed: Path | None, *, wait: bool = True) -> dict[str, str]:
        """Bring it up; run again, it goes on where it was. Answers the stack's outputs."""
        stack = self.account.stack
        if stack.status() is None:
            for path in self._written():
                self.account.remember_parameter(path)
        if self.differs(assembly):
            assets = self.account.assets
            assets.ensure()
            stack.apply(assets.publish(assembly, stack.name), self.tell)
        else:
            self.tell("the stack is as it should be")
        outputs = stack.outputs()
        self._fill_keys(outputs)
        for path, name in self._functions(outputs):
            self.account.put_parameter(path, name)
        if seed is not None:
            self._upload(seed, outputs["SeedBucket"])
        self._set_up(outputs["SetupFunction"], wait=wait)
        return outputs

    def _functions(self, outputs: dict[str, str]) -> list[tuple[str, str]]:
        """The parameters by which a site finds its functions, with the functions' names."""
        return [
            (self.settings.get_recommendation_name_path, outputs["RecommendFunction"]),
            (self.settings.get_reranking_name_path, outputs["RerankFunction"]),
        ]

    def _fill_keys(self, outputs: dict[str, str]) -> None:
        """Derive each access key from the root key, as the service does."""
        if "RootSecret" not in outputs:
            return
        root = bytes.fromhex(self.account.secret(outputs["RootSecret"]))
        for who in KEY_SCOPES:
            key_id = self.account.names.key_id(who)
            arn = outputs[f"Key{who.title().replace('_', '')}"]
            if self.account.fill(arn, filled(key_id, secret_of(key_id, root))):
                self.tell(f"the access key of {who} is in {arn}")

    def _upload(self, seed: Path, bucket: str) -> None:
        for pattern, kind in _SEED.items():
            files = sorted(seed.glob(pattern))
            if not files:
                raise DeployFailed(f"{seed} has no {pattern}: give the folder of the seed data")
            for file in files:
                key = f"seed_data/{kind}/{file.name}"
                if self.account.upload(bucket, key, file):
                    self.tell(f"uploaded s3://{bucket}/{key}")

    def _set_up(self, function: str, *, wait: bool) -> None:
        said: dict[str, str] = {}
        event: dict[str, Any] = {"action": "create", "again": True}
        while True:
            answer = self.account.invoke(function, event)
            for line in answer["lines"]:
                if said.get(line["name"]) != line["status"]:
                    said[line["name"]] = line["status"]
                    self.tell(f"{line['status']:20} {line['what']} {line['name']}")
            if answer["failed"] and not answer["waitsFor"]:
                raise DeployFailed("\n".join(answer["failed"]))
            if answer["done"] or not wait:
                return
            event["again"] = False
            time.sleep(_SETUP_SECONDS if self.account.pause else 0.05)

    def down(self, *, delete_archive: bool) -> list[str]:
        """Take it down, what stands on other things first; answers what is left, as lines."""
        stack, account = self.account.stack, self.account
        outputs, left = stack.outputs(), list[str]()
        if stack.status() is not None:
            if "SetupFunction" in outputs:
                left += self._take_away(outputs["SetupFunction"])
                for path in self._written():
                    account.give_back_parameter(path)
            self.tell(f"deleting {stack.name}")
            stack.delete(self.tell)
        left += self._leave_archive(delete_archive=delete_archive)
        for bucket in (outputs.get("ModelsBucket"), account.assets.name):
            if bucket:
                account.delete_bucket(bucket)
        if outputs and self.settings.engine == "pawsonalize":
            left.append("the database's last snapshot; its automatic backups end with the stack")
        return left

    def _take_away(self, function: str) -> list[str]:
        """What Amazon Personalize has of ours; answers what others made."""
        kept: list[str] = []
        event, said = {"action": "delete"}, set[str]()
        while True:
            answer = self.account.invoke(function, event)
            kept = answer["kept"]
            for line in answer["lines"]:
                if line["name"] not in said:
                    said.add(line["name"])
                    self.tell(f"deleting {line['name']}")
            if answer["done"]:
                break
            time.sleep(_SETUP_SECONDS if self.account.pause else 0.05)
        return [f"{arn} (it was there before)" for arn in kept]

    def _written(self) -> Iterator[str]:
        """Yield the parameters that `up` and the functions write."""
        settings = self.settings
        yield settings.get_recommendation_name_path
        yield settings.get_reranking_name_path
        yield settings.event_tracker_id_ssm_path
        yield settings.recommendation_campaign_arn_ssm_path
        yield settings.recommendation_solution_version_ssm_path
        yield settings.solution_arn_ssm_path
        yield settings.reranking_campaign_arn_ssm_path
        yield settings.reranking_solution_version_ssm_path
        yield settings.reranking_solution_arn_ssm_path

    def _leave_archive(self, *, delete_archive: bool) -> list[str]:
        """Buckets and key: left with their parameters, or deleted if this environment made them."""
        account, left = self.account, []
        for name, path in paths(self.settings).items():
            value = account.parameter(path)
            if value is None:
                continue
            what = f"{name.replace('_', ' ')}: {value} (parameter {path})"
            if name == "stream" or not delete_archive:
                left.append(what)
            elif name == "key_arn":
                if account.end_key(value):
                    account.delete_parameter(path)
                    left.append(f"key arn: {value}, which KMS deletes in 30 days")
                else:
                    left.append(what)
            elif account.is_ours(value):
                account.delete_bucket(value)
                account.delete_parameter(path)
                self.tell(f"deleted s3://{value}")
            else:
                left.append(what)
        return left
