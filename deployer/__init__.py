"""Deploys containers behind an edge without losing a request."""

__version__ = "0.1.0"
