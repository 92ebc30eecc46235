"""What a change interrupts, and what it would lose: tables by resource type and property.

From "Update requires" of CloudFormation's reference. What is not listed is changed without an interruption
that a visitor notices. Whether a property replaces its resource is CloudFormation's to say, in a change set.
"""

from __future__ import annotations

_STOPPED = "the host is stopped and started: down for some minutes, its containers start again by themselves"
_RESTARTED = "the database restarts: no connections for some minutes (about one with a standby)"
_SOME = "the database may be away for a short while"

CHANGED: dict[str, dict[str, str]] = {
    "AWS::EC2::Instance": {
        "InstanceType": _STOPPED,
        "UserData": f"{_STOPPED}; the new text is not run: use `deployer host prepare`",
        "EbsOptimized": _STOPPED,
        "Tenancy": _STOPPED,
    },
    "AWS::RDS::DBInstance": {
        "DBInstanceClass": _RESTARTED,
        "EngineVersion": "the database is upgraded: no connections for minutes, for more with a major one",
        "DBParameterGroupName": _RESTARTED,
        "CACertificateIdentifier": _RESTARTED,
        "BackupRetentionPeriod": f"{_SOME}, where backups are turned on or off",
        "StorageType": _SOME,
        "AutoMinorVersionUpgrade": _SOME,
        "PreferredMaintenanceWindow": f"{_SOME}, where a change waits for the window",
        "MasterUserPassword": "the service needs the new password at once: deploy it again",
    },
    "AWS::RDS::DBParameterGroup": {"Parameters": "static parameters count after the next restart only"},
    "AWS::EC2::SecurityGroup": {"SecurityGroupIngress": "who is no longer let in is cut off"},
}
"""Of a property that is changed in place."""

REPLACED: dict[str, str] = {
    "AWS::EC2::Instance": "the service is down until the new host has prepared itself and is deployed to",
    "AWS::EC2::EIP": "the host gets another address: SSH, webhooks and known_hosts with it",
    "AWS::EC2::EIPAssociation": "the host's address is away for seconds",
    "AWS::EC2::VPC": "all that stands in it is made anew",
    "AWS::EC2::Subnet": "all that stands in it is made anew",
    "AWS::RDS::DBInstance": "the service has an empty database, at another address",
    "AWS::S3::Bucket": "the site is gone until it is deployed again",
    "AWS::CloudFront::Distribution": "another distribution: its names must be free first, and DNS follows",
    "AWS::CertificateManager::Certificate": "a new certificate must be validated first; the old one serves "
    "until then",
    "AWS::Route53::HostedZone": "other name servers: the domain is away until the registrar knows them",
    "AWS::SNS::Topic": "everybody who is told must confirm again",
}
"""Of a resource that is replaced."""

DATA: dict[str, str] = {
    "AWS::DynamoDB::Table": "what the table holds",
    "AWS::EC2::Instance": "what is on the host's disk: volumes, images, Jenkins' home",
    "AWS::EC2::Volume": "what is on the volume",
    "AWS::EFS::FileSystem": "what is in the file system",
    "AWS::KMS::Key": "whatever the key encrypts",
    "AWS::Logs::LogGroup": "its logs",
    "AWS::RDS::DBInstance": "what the database holds, and its automatic backups",
    "AWS::S3::Bucket": "what the bucket holds",
    "AWS::SSM::Parameter": "its value",
    "AWS::SecretsManager::Secret": "its value",
}
"""What is lost with a resource of the type."""


def of_change(type_: str, properties: list[str]) -> list[str]:
    """What changing these properties in place interrupts, each thing once."""
    table = CHANGED.get(type_, {})
    return list(dict.fromkeys(table[name] for name in properties if name in table))
