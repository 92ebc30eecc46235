"""Rollouts: from what the host shows to a new release that serves, without losing a request."""
