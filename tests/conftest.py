"""Fixtures that all tests may use."""

from tests.postgres import postgres, postgres_url

__all__ = ["postgres", "postgres_url"]
