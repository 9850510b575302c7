"""PostgreSQL for the service."""

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_rds as rds
from constructs import Construct

from pawsonalize_deploy.stack.foundation import Foundation
from pawsonalize_deploy.stack.grants import meant
from pawsonalize_deploy.stack.network import Network

PORT = 5432
USER = DATABASE = "pawsonalize"


class Tables(Construct):
    """RDS PostgreSQL: private, encrypted, backed up, over TLS alone."""

    def __init__(self, scope: Construct, base: Foundation, network: Network) -> None:
        super().__init__(scope, "Database")
        settings = base.settings
        identifier = base.names.stack
        version = rds.DatabaseInstanceEngine.postgres(version=rds.PostgresEngineVersion.VER_17)
        group = base.log_group(self, "Logs", f"/aws/rds/instance/{identifier}/postgresql")
        self.instance = rds.DatabaseInstance(
            self,
            "Instance",
            instance_identifier=identifier,
            engine=version,
            instance_type=ec2.InstanceType(settings.database_class),
            vpc=network.vpc,
            vpc_subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS),
            security_groups=[network.database],
            port=PORT,
            publicly_accessible=False,
            database_name=DATABASE,
            credentials=rds.Credentials.from_generated_secret(USER, encryption_key=base.key),
            parameters={"rds.force_ssl": "1"},
            allocated_storage=settings.database_gigabytes,
            max_allocated_storage=5 * settings.database_gigabytes,
            storage_type=rds.StorageType.GP3,
            storage_encrypted=True,
            storage_encryption_key=base.key,
            multi_az=settings.database_multi_az,
            backup_retention=Duration.days(settings.database_backup_days),
            copy_tags_to_snapshot=True,
            auto_minor_version_upgrade=True,
            deletion_protection=settings.deletion_protection,
            # The last snapshot is the way back.
            removal_policy=RemovalPolicy.SNAPSHOT,
            cloudwatch_logs_exports=["postgresql"],
        )
        self.instance.node.add_dependency(group)
        meant(
            self.instance,
            "AwsSolutions-RDS11",
            "The usual port: the security group says who reaches it, and lets the service alone in",
        )
        if not settings.database_multi_az:
            meant(self.instance, "AwsSolutions-RDS3", "databaseMultiAz is false in this config")
        if not settings.deletion_protection:
            meant(self.instance, "AwsSolutions-RDS10", "deletionProtection is false in this config")
        meant(
            self.instance,
            "AwsSolutions-SMG4",
            "Tasks read the password when they start; it is changed by hand, and tasks restarted",
        )
        network.database.add_ingress_rule(network.service, ec2.Port.tcp(PORT), "the service")

    @property
    def url(self) -> str:
        """The database's URL without the password, which libpq takes from PGPASSWORD."""
        host = self.instance.db_instance_endpoint_address
        return f"postgresql://{USER}@{host}:{PORT}/{DATABASE}?sslmode=require"
