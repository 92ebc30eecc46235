"""The sections of config.yaml, a module each; `deployer.config.schema` puts them together."""
