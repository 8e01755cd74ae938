"""Faults injected into a real study, and what they cost; see ``docs/distributed.md``."""
