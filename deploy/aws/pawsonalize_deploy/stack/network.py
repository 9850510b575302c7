"""Where the service runs: a VPC that exists, or one of its own."""

from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from pawsonalize_deploy.stack.foundation import Foundation


class Network(Construct):
    """A VPC with private subnets that have a way out, and who may talk to whom in it."""

    def __init__(self, scope: Construct, base: Foundation) -> None:
        super().__init__(scope, "Network")
        settings = base.settings
        if settings.vpc_id:
            # Looked up in the config file alone: writing a template asks nobody.
            self.vpc = ec2.Vpc.from_vpc_attributes(
                self,
                "Vpc",
                vpc_id=settings.vpc_id,
                availability_zones=settings.availability_zones,
                private_subnet_ids=settings.private_subnet_ids,
                public_subnet_ids=settings.public_subnet_ids or None,
            )
        else:
            self.vpc = self._own(base)
        self.functions = self._group("Functions")
        self.balancer = self._group("Balancer")
        self.service = self._group("Service")
        self.database = self._group("Database")

    def _own(self, base: Foundation) -> ec2.Vpc:
        vpc = ec2.Vpc(
            self,
            "Vpc",
            max_azs=2,
            nat_gateways=1,
            subnet_configuration=[
                ec2.SubnetConfiguration(
                    name="public", subnet_type=ec2.SubnetType.PUBLIC, map_public_ip_on_launch=False
                ),
                ec2.SubnetConfiguration(
                    name="private", subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS
                ),
            ],
        )
        # Models and archive go to S3 by this, and not through the NAT gateway, which costs by GB.
        vpc.add_gateway_endpoint("S3", service=ec2.GatewayVpcEndpointAwsService.S3)
        vpc.add_flow_log(
            "FlowLog",
            destination=ec2.FlowLogDestination.to_cloud_watch_logs(
                base.log_group(self, "FlowLogs")
            ),
            traffic_type=ec2.FlowLogTrafficType.REJECT,
        )
        return vpc

    def _group(self, name: str) -> ec2.SecurityGroup:
        return ec2.SecurityGroup(
            self, name, vpc=self.vpc, description=f"Pawsonalize: {name.lower()}"
        )
