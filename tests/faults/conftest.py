"""A worker host to break: see tests/workers/hosts.py."""

from tests.workers.hosts import door, home, host

__all__ = ["door", "home", "host"]
