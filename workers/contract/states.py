"""States, one sentence each, and the one table of allowed transitions."""

from enum import StrEnum


class JobState(StrEnum):
    QUEUED = "queued"  #: Waits for a place; `reason` says for what.
    STARTING = "starting"  #: A place is granted; no worker has claimed it yet.
    RUNNING = "running"  #: A worker has claimed it and its child works.
    CANCELLING = "cancelling"  #: Somebody asked it to stop; the child is finishing politely.
    SUCCEEDED = "succeeded"  #: Ended well; what it made is registered.
    FAILED = "failed"  #: Ended with `error`.
    CANCELLED = "cancelled"  #: Ended because somebody asked.


FINAL = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED})

TRANSITIONS: dict[JobState, frozenset[JobState]] = {
    # queued -> running: a late heartbeat revives an attempt given up for lost, before a newer one is granted
    JobState.QUEUED: frozenset({JobState.STARTING, JobState.RUNNING, JobState.CANCELLED, JobState.FAILED}),
    JobState.STARTING: frozenset({JobState.RUNNING, JobState.QUEUED, JobState.CANCELLING, JobState.FAILED}),
    JobState.RUNNING: frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLING, JobState.QUEUED}),
    JobState.CANCELLING: frozenset({JobState.CANCELLED, JobState.SUCCEEDED, JobState.FAILED}),
    JobState.SUCCEEDED: frozenset(),
    JobState.FAILED: frozenset({JobState.QUEUED}),  # resume
    JobState.CANCELLED: frozenset({JobState.QUEUED}),  # resume
}


class AttemptState(StrEnum):
    GRANTED = "granted"  #: Has its allocation; nobody has claimed it.
    RUNNING = "running"  #: Claimed; its lease is being renewed.
    LOST = "lost"  #: Its lease ran out or its child was killed from outside; a newer attempt may be granted.
    ENDED = "ended"  #: Reported its end.


class VersionState(StrEnum):
    PREPARING = "preparing"  #: A dataset version whose files are being read.
    IMPORTING = "importing"  #: A model version whose files are being checked.
    READY = "ready"  #: Can be used; immutable from here on.
    FAILED = "failed"  #: Could not be made; `error` names the place and the remedy.


class EndpointState(StrEnum):
    DEPLOYING = "deploying"  #: A revision is on its way; what was ready before answers meanwhile.
    READY = "ready"  #: Every revision with traffic has its replicas.
    DEGRADED = "degraded"  #: Answers, but some replica or a newer revision is in trouble.
    STOPPED = "stopped"  #: Stopped by somebody.
    FAILED = "failed"  #: Nothing can answer; `error` says why.


class ReplicaState(StrEnum):
    STARTING = "starting"  #: Its job is queued, claimed or loading.
    READY = "ready"  #: Warm, checked and routed.
    DRAINING = "draining"  #: Takes nothing new; finishes what it has.
    ENDED = "ended"  #: Gone.
