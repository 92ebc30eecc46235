"""The AWS account's part: from `stack` of the config to CloudFormation, its cost, and what is applied."""
