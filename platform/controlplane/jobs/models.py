"""Rows of the jobs room: what was asked (Job), each try (Attempt), its place (Allocation), and what came up (chunks).

A job's `kind` and `order` say what to do; this room does not know what a dataset or a model is.
"""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from controlplane.workspaces.models import WorkspaceOwned
from workers.contract.states import AttemptState, JobState


class Worker(models.Model):
    """A host that joined. devices: [{id, kind, memory_bytes, name}]; load: last reported figures."""

    name = models.CharField(max_length=63, unique=True)
    token_hash = models.CharField(max_length=64, unique=True)
    contract = models.PositiveSmallIntegerField()
    devices = models.JSONField(default=list)
    cpus = models.PositiveSmallIntegerField(default=1)
    memory_bytes = models.BigIntegerField(default=0)
    host = models.CharField(max_length=255, blank=True)
    load = models.JSONField(default=dict)
    draining = models.BooleanField(default=False)
    joined_at = models.DateTimeField(auto_now_add=True)
    seen_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.name


class WorkerSample(models.Model):
    """One minute of a host: the first heartbeat in it. use: busy share of its processors · devices: {id: {use, memory_used}}."""

    worker = models.ForeignKey(Worker, on_delete=models.CASCADE, related_name="samples")
    minute = models.PositiveIntegerField()  # since 1970
    use = models.FloatField(null=True)
    memory_used = models.BigIntegerField(null=True)
    devices = models.JSONField(default=dict)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["worker", "minute"], name="sample_per_minute")]


class Job(WorkspaceOwned):
    """One piece of work. number: the public id, counted per workspace. order: the contract's `Work`, with storage URIs."""

    number = models.PositiveIntegerField()
    kind = models.CharField(max_length=16)
    name = models.CharField(max_length=200)
    state = models.CharField(max_length=16, choices=[(s.value, s.value) for s in JobState], default=JobState.QUEUED)
    reason = models.JSONField(null=True)
    error = models.JSONField(null=True)
    work = models.JSONField()
    network = models.CharField(max_length=8, default="none")
    request = models.JSONField(default=dict)  # what the user sent, for clone, card and page
    recipe = models.CharField(max_length=100, blank=True)
    dataset = models.CharField(max_length=100, blank=True)  # name@n, for lists and filters
    model = models.CharField(max_length=100, blank=True)  # name@n once there
    resources = models.JSONField(default=dict)
    priority = models.SmallIntegerField(default=0)
    progress = models.JSONField(default=dict)
    metrics = models.JSONField(default=dict)  # key -> {last, best, step}
    keep = models.BooleanField(default=True)  # on cancel: keep the newest checkpoint as a model
    stop = models.CharField(max_length=8, blank=True)  # keep | discard | kill, once asked
    stop_asked_at = models.DateTimeField(null=True)
    folded = models.BooleanField(default=False)  # its chunks are merged
    settled = models.BooleanField(default=False)  # the room it belongs to knows how it ended
    restarts = models.PositiveSmallIntegerField(default=0)  # after infrastructure faults
    cursor = models.BigIntegerField(default=0)  # of the newest event
    log_lines = models.BigIntegerField(default=0)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    queued_at = models.DateTimeField()
    turn = models.DateTimeField(default=timezone.now)  # its place among those of its priority: when it was queued, until it is moved
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "number"], name="job_number_per_workspace")]
        indexes = [
            models.Index(fields=["priority", "turn"], name="job_by_turn", condition=Q(state="queued")),
            models.Index(fields=["workspace", "state", "-number"], name="job_list"),
            models.Index(fields=["workspace", "name"], name="job_by_name"),
            models.Index(fields=["workspace", "dataset", "kind"], name="job_by_dataset"),
        ]

    def __str__(self) -> str:
        return f"#{self.number}"


class TableChoice(models.Model):
    """What one person sees in the list of jobs. columns: in order · metric: a key, empty = each job's own · take: last, min, max."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="+")
    columns = models.JSONField(default=list)
    metric = models.CharField(max_length=200, blank=True)
    take = models.CharField(max_length=4, default="last")


class JobCounter(models.Model):
    """The last number given out in a workspace."""

    workspace = models.OneToOneField("workspaces.Workspace", on_delete=models.CASCADE, primary_key=True, related_name="+")
    last = models.PositiveIntegerField(default=0)


class Attempt(models.Model):
    """One try at a job. number is the fencing token: an attempt is stale as soon as a newer one has been granted."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="attempts")
    number = models.PositiveIntegerField()
    state = models.CharField(max_length=16, choices=[(s.value, s.value) for s in AttemptState], default=AttemptState.GRANTED)
    error = models.JSONField(null=True)
    peak_bytes = models.BigIntegerField(null=True)
    granted_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["job", "number"], name="attempt_number_per_job")]

    def __str__(self) -> str:
        return f"{self.job} / {self.number}"


class Allocation(models.Model):
    """A rank's place: which host and device. token_hash: the secret of whoever claimed it."""

    attempt = models.ForeignKey(Attempt, on_delete=models.CASCADE, related_name="allocations")
    worker = models.ForeignKey(Worker, on_delete=models.PROTECT, related_name="allocations")
    device = models.CharField(max_length=32, default="cpu")
    rank = models.PositiveSmallIntegerField(default=0)
    slot = models.CharField(max_length=8)  # whole | light | memory
    memory_bytes = models.BigIntegerField(default=0)
    token_hash = models.CharField(max_length=64, blank=True, db_index=True)
    granted_at = models.DateTimeField()
    hinted_at = models.DateTimeField()
    claimed_at = models.DateTimeField(null=True)
    seen_at = models.DateTimeField(null=True)  # last heartbeat
    lease_until = models.DateTimeField(null=True)
    seq = models.BigIntegerField(default=0)  # highest event sequence stored
    released_at = models.DateTimeField(null=True, db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["attempt", "rank"], name="one_place_per_rank")]

    def __str__(self) -> str:
        return f"{self.attempt} / {self.rank}"


class EventChunk(models.Model):
    """Events of one batch, compressed (zstd of JSON lines ready to be sent), found by cursor or by log line.

    Cursors first_cursor..last_cursor and log lines first_line..first_line+lines-1 are contiguous over a job.
    """

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="chunks")
    attempt = models.PositiveIntegerField()
    rank = models.PositiveSmallIntegerField(default=0)
    first_seq = models.BigIntegerField()
    first_cursor = models.BigIntegerField()
    last_cursor = models.BigIntegerField()
    first_line = models.BigIntegerField()
    lines = models.PositiveIntegerField()
    body = models.BinaryField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["job", "attempt", "rank", "first_seq"], name="chunk_once"),
            models.UniqueConstraint(fields=["job", "first_cursor"], name="chunk_by_cursor"),
        ]
        indexes = [models.Index(fields=["job", "first_line"], name="chunk_by_line")]


class MetricChunk(models.Model):
    """Points of one metric, as three arrays of little-endian float64. level 0 holds every point; level k holds, for each
    run of 8**k points, those with the smallest and the largest value, so that a chart of any length reads few points."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="metric_chunks")
    key = models.CharField(max_length=200)
    level = models.PositiveSmallIntegerField(default=0)
    first = models.BigIntegerField()  # index of the first point at level 0
    count = models.PositiveIntegerField()
    first_step = models.FloatField()
    last_step = models.FloatField()
    steps = models.BinaryField()
    values = models.BinaryField()
    times = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["job", "key", "level", "first"], name="metric_chunk_once")]


class Checkpoint(models.Model):
    """A stored checkpoint. files: [{name, uri, size, sha256}]; it counts because its manifest is here."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="checkpoints")
    attempt = models.PositiveIntegerField()
    step = models.BigIntegerField()
    metrics = models.JSONField(default=dict)
    best = models.BooleanField(default=False)
    files = models.JSONField()
    size_bytes = models.BigIntegerField(default=0)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["job", "step"], name="checkpoint_per_step")]


class Sample(models.Model):
    """Something the model made on the way: {title, prompt, output, kind}."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="samples")
    step = models.BigIntegerField()
    cursor = models.BigIntegerField()
    data = models.JSONField()
    created_at = models.DateTimeField()
