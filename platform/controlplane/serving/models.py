"""Rows of the serving room: endpoints, their revisions, the replicas that answer, and what was used."""

from django.conf import settings
from django.db import models

from controlplane.workspaces.models import WorkspaceOwned
from workers.contract.states import EndpointState, ReplicaState


class Endpoint(WorkspaceOwned):
    """An address that answers. desired: ready | stopped, what its users want; state: what is.

    plan: {revision: percent} that takes the place of the traffic as soon as each of its revisions with traffic is ready ·
    limits: {requests_per_minute, deadline_seconds} · before_rollback: the shares to come back to, None unless it was rolled back.
    """

    name = models.CharField(max_length=63)
    title = models.CharField(max_length=200, blank=True)
    task = models.CharField(max_length=100)
    state = models.CharField(max_length=16, choices=[(s.value, s.value) for s in EndpointState], default=EndpointState.DEPLOYING)
    desired = models.CharField(max_length=8, default="ready")
    reason = models.JSONField(null=True)
    error = models.JSONField(null=True)
    replicas_min = models.PositiveSmallIntegerField(default=1)
    replicas_max = models.PositiveSmallIntegerField(default=1)
    replicas_wanted = models.PositiveSmallIntegerField(default=1)  # between both, as its load asks: see scaling.py
    plan = models.JSONField(null=True)
    before_rollback = models.JSONField(null=True)
    last_revision = models.PositiveIntegerField(default=0)
    limits = models.JSONField(default=dict)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "name"], name="endpoint_name_per_workspace")]
        indexes = [models.Index(fields=["workspace", "created_at"], name="endpoint_list")]

    def __str__(self) -> str:
        return self.name


class Revision(models.Model):
    """A model version, or a variant of it, behind an endpoint. traffic: percent; model: its reference `name@3`, which outlives it;
    crashes: replicas lost in a row, which sets retry_at. state: deploying | ready | draining | stopped | failed, as it is wanted; how
    it stands is told by standing.py. live_at: when it last began to get traffic."""

    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="revisions")
    revision = models.PositiveIntegerField()
    model_version = models.ForeignKey("registry.ModelVersion", null=True, on_delete=models.SET_NULL, related_name="revisions")
    model = models.CharField(max_length=80)
    variant = models.CharField(max_length=63, blank=True)
    state = models.CharField(max_length=16, default="deploying")
    traffic = models.PositiveSmallIntegerField(default=0)
    ready_once = models.BooleanField(default=False)
    error = models.JSONField(null=True)
    crashes = models.PositiveIntegerField(default=0)
    retry_at = models.DateTimeField(null=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    live_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["endpoint", "revision"], name="revision_per_endpoint")]

    @property
    def what(self) -> str:
        """`name@3`, with its variant where it is one: `name@3 int8`."""
        return f"{self.model} {self.variant}".rstrip()

    @property
    def servable(self) -> bool:
        """Whether what it answers with is still there."""
        version = self.model_version
        return version is not None and (not self.variant or version.variants.filter(variant=self.variant, state="ready").exists())

    def __str__(self) -> str:
        return f"{self.endpoint} r{self.revision}"


class Replica(models.Model):
    """One serving child. id is random and part of its socket's name; address and secret come from the worker only."""

    id = models.CharField(max_length=24, primary_key=True)
    revision = models.ForeignKey(Revision, on_delete=models.CASCADE, related_name="replica_set")
    state = models.CharField(max_length=16, choices=[(s.value, s.value) for s in ReplicaState], default=ReplicaState.STARTING)
    job = models.ForeignKey("jobs.Job", null=True, on_delete=models.SET_NULL, related_name="+")
    host = models.CharField(max_length=255, blank=True)
    address = models.CharField(max_length=300, blank=True)
    secret = models.CharField(max_length=64, blank=True)
    error = models.JSONField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    ready_at = models.DateTimeField(null=True)
    drain_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["job"], name="replica_by_job")]

    def __str__(self) -> str:
        return self.id


class UsageCounts(models.Model):
    """Counts of one stretch of time for one revision (0: none was reached). latency, first_token: buckets, see histogram.py ·
    codes: {problem code: how many answers with it}."""

    revision = models.PositiveIntegerField()
    requests = models.BigIntegerField(default=0)
    errors = models.BigIntegerField(default=0)
    rejected = models.BigIntegerField(default=0)
    input_tokens = models.BigIntegerField(default=0)
    output_tokens = models.BigIntegerField(default=0)
    latency = models.JSONField(default=dict)
    first_token = models.JSONField(default=dict)
    codes = models.JSONField(default=dict)

    class Meta:
        abstract = True


class UsageMinute(UsageCounts):
    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="usage")
    minute = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["endpoint", "revision", "minute"], name="usage_minute_once")]


class UsageHour(UsageCounts):
    """The same counts once more, hour by hour (UTC), so that weeks and months are read from few rows."""

    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="usage_hours")
    hour = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["endpoint", "revision", "hour"], name="usage_hour_once")]


class ReplicaMinute(models.Model):
    """What one replica used in one minute, as its shepherd measured it. cpu: busy processors · memory: resident bytes, of the limit ·
    gpu: busy share 0 to 1 and memory of the device it runs on, as its host reports them; None on processors."""

    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="replica_minutes")
    replica = models.CharField(max_length=24)
    minute = models.PositiveIntegerField()  # since 1970
    cpu = models.FloatField(null=True)
    memory = models.BigIntegerField(null=True)
    memory_limit = models.BigIntegerField(null=True)
    gpu = models.FloatField(null=True)
    gpu_memory = models.BigIntegerField(null=True)
    gpu_memory_whole = models.BigIntegerField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["endpoint", "minute", "replica"], name="replica_minute_once")]


class Preset(WorkspaceOwned):
    """Settings of the playground that somebody kept under a name, for themselves. values: {field: value}, see playground.py."""

    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    task = models.CharField(max_length=100)
    name = models.CharField(max_length=100)
    values = models.JSONField(default=dict)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "created_by", "task", "name"], name="preset_name_once")]

    def __str__(self) -> str:
        return self.name
