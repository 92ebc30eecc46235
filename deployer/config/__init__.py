"""`config.yaml`: read, merged, checked, typed."""
