"""The stack: everything of one environment."""

from aws_cdk import CfnOutput, CliCredentialsStackSynthesizer, Environment, Stack
from constructs import Construct

from pawsonalize_deploy.adopted import NOTHING, Adopted
from pawsonalize_deploy.names import Names
from pawsonalize_deploy.settings import DeploySettings
from pawsonalize_deploy.stack.alarms import Alarms
from pawsonalize_deploy.stack.buckets import Buckets
from pawsonalize_deploy.stack.database import Tables
from pawsonalize_deploy.stack.foundation import Foundation
from pawsonalize_deploy.stack.functions import Functions, OurService
from pawsonalize_deploy.stack.machine import Retraining
from pawsonalize_deploy.stack.network import Network
from pawsonalize_deploy.stack.secrets import Secrets
from pawsonalize_deploy.stack.service import Service
from pawsonalize_deploy.stack.stream import EventStream

ASSETS_BUCKET = "{stack}-assets-${AWS::AccountId}-${AWS::Region}"
"""Where `up` puts the code of the functions before the stack needs it."""


class System(Stack):
    """Stream, archive, functions, state machine, alarms; and the service, if it is ours."""

    def __init__(
        self,
        scope: Construct,
        env: str,
        settings: DeploySettings,
        adopted: Adopted = NOTHING,
    ) -> None:
        names = Names(env)
        super().__init__(
            scope,
            names.stack,
            env=Environment(region=settings.region),
            description=f"Pawsonalize ({settings.engine})",
            synthesizer=CliCredentialsStackSynthesizer(
                file_assets_bucket_name=ASSETS_BUCKET.replace("{stack}", names.stack)
            ),
        )
        base = Foundation(self, settings, names, adopted)
        buckets = Buckets(self, base)
        events = EventStream(self, base, buckets)
        service, tables, ours = self._service(base, buckets)
        functions = Functions(self, base, buckets=buckets, events=events, service=ours)
        retraining = Retraining(self, base, functions)
        Alarms(
            self,
            base,
            events=events,
            functions=functions,
            retraining=retraining,
            service=service,
            tables=tables,
        )
        self._tell(base, buckets, functions, service, ours)

    def _service(
        self, base: Foundation, buckets: Buckets
    ) -> tuple[Service | None, Tables | None, OurService | None]:
        if base.settings.engine != "pawsonalize":
            return None, None, None
        network = Network(self, base)
        secrets = Secrets(self, base)
        tables = Tables(self, base, network)
        service = Service(
            self, base, network=network, buckets=buckets, tables=tables, secrets=secrets
        )
        return service, tables, OurService(service.url, network, secrets)

    def _tell(
        self,
        base: Foundation,
        buckets: Buckets,
        functions: Functions,
        service: Service | None,
        ours: OurService | None,
    ) -> None:
        """What `up` and `down` have to know."""
        told = {
            "Topic": base.topic.topic_arn,
            "LogsBucket": buckets.logs.bucket_name,
            "ArchiveBucket": buckets.archive.bucket_name,
            "SeedBucket": buckets.seed.bucket_name,
            "KeyArn": base.key.key_arn,
            "SetupFunction": functions.of["setup"].function_name,
            "RecommendFunction": functions.of["recommend"].function_name,
            "RerankFunction": functions.of["rerank"].function_name,
        }
        if service is not None and ours is not None:
            told |= {
                "ServiceUrl": service.url,
                "ModelsBucket": service.models.bucket_name,
                "RootSecret": ours.secrets.root.secret_arn,
            }
            for who, secret in ours.secrets.of.items():
                told[f"Key{who.title().replace('_', '')}"] = secret.secret_arn
        for name, value in told.items():
            CfnOutput(self, name, value=value)
