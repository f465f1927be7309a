"""The websocket of a job: every event in order, old ones first, then as they come.

`WS /ws/workspaces/{ws}/jobs/{id}?after=<cursor>`. One reader for each job and process (feed.py) looks the news up once; each
socket (socket.py) takes from it at its own pace, so that nobody waits for the slowest and no queue can grow.
"""

from controlplane.live.socket import application
from controlplane.live.watch import shutdown

__all__ = ["application", "shutdown"]
