"""The same people as in the data room's tests."""

from tests.controlplane.data.conftest import alice, bob, viewer

__all__ = ["alice", "bob", "viewer"]
