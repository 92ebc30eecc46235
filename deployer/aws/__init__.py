"""AWS: credentials, and the one place that makes sessions of its SDK."""
