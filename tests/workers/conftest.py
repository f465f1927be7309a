"""A worker host for tests: see hosts.py."""

from tests.workers.hosts import door, home, host

__all__ = ["door", "home", "host"]
