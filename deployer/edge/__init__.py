"""The edge: HAProxy in front of a service's two slots, steered while it runs."""
