"""Secrets: the root key of access keys, and an access key for each that calls the service."""

from aws_cdk import RemovalPolicy, SecretValue
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from pawsonalize_deploy.names import KEY_SCOPES
from pawsonalize_deploy.stack.foundation import Foundation
from pawsonalize_deploy.stack.grants import meant

TO_FILL_IN = "up fills this in"


class Secrets(Construct):
    """Secrets Manager makes the root key; `up` derives each key's secret from it.

    Templates, logs and environments of functions hold none of them.
    """

    def __init__(self, scope: Construct, base: Foundation) -> None:
        super().__init__(scope, "Secrets")
        self.root = secretsmanager.Secret(
            self,
            "Root",
            description="The root key of the service's access keys",
            encryption_key=base.key,
            generate_secret_string=secretsmanager.SecretStringGenerator(
                password_length=64,
                exclude_uppercase=True,
                exclude_punctuation=True,
                exclude_characters="ghijklmnopqrstuvwxyz",  # what is left are hexadecimal digits
                require_each_included_type=True,
            ),
            removal_policy=RemovalPolicy.DESTROY,
        )
        self.of = {
            who: secretsmanager.Secret(
                self,
                f"Key-{who}",
                description=f"The access key of {who}: {scope_}",
                encryption_key=base.key,
                secret_object_value={
                    "accessKeyId": SecretValue.unsafe_plain_text(base.names.key_id(who)),
                    "secretAccessKey": SecretValue.unsafe_plain_text(TO_FILL_IN),
                },
                removal_policy=RemovalPolicy.DESTROY,
            )
            for who, scope_ in KEY_SCOPES.items()
        }
        meant(
            self,
            "AwsSolutions-SMG4",
            "Access keys follow from the root key; `pawsonalize keys rotate` changes them",
        )
        self.first_access_keys = ",".join(
            f"{base.names.key_id(who)}={scope_}" for who, scope_ in KEY_SCOPES.items()
        )
