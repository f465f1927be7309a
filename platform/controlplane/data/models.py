"""Rows of the data room: uploads on their way in, datasets, their immutable versions."""

from django.conf import settings
from django.db import models

from controlplane.workspaces.models import WorkspaceOwned
from workers.contract.states import VersionState


class Upload(WorkspaceOwned):
    """A file on its way in. Bytes up to `offset` are on disk; a finished one (offset = size) may be used once or often."""

    id = models.CharField(max_length=32, primary_key=True)  # random, the last segment of its address
    filename = models.CharField(max_length=400)
    content_type = models.CharField(max_length=200, blank=True)
    size = models.BigIntegerField()
    offset = models.BigIntegerField(default=0)
    sha256 = models.CharField(max_length=64, blank=True)  # once finished
    uri = models.CharField(max_length=300, blank=True)  # once finished
    metadata = models.JSONField(default=dict)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    expires_at = models.DateTimeField(db_index=True)
    finished_at = models.DateTimeField(null=True)


class Dataset(WorkspaceOwned):
    name = models.CharField(max_length=63)
    title = models.CharField(max_length=200, blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "name"], name="dataset_name_per_workspace")]
        indexes = [models.Index(fields=["workspace", "created_at"], name="dataset_list")]

    def __str__(self) -> str:
        return self.name


class DatasetVersion(models.Model):
    """What the preparing job made of some uploaded bytes and options. Immutable once ready.

    content_key: sha256 over bytes and options: the same again is this version · sources: [{name, uri, size, sha256}] ·
    shards: {split: [{name, uri, size, sha256}]} · size_bytes, shard_bytes: of both · features: {column: type} · classes: {column: [names]}
    · kind: of data, a key of `kinds.KINDS` · fixed_from: the version of this dataset whose findings it mends.
    """

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="versions")
    version = models.PositiveIntegerField()
    state = models.CharField(max_length=16, choices=[(s.value, s.value) for s in VersionState], default=VersionState.PREPARING)
    reason = models.JSONField(null=True)
    error = models.JSONField(null=True)
    options = models.JSONField(default=dict)
    content_key = models.CharField(max_length=64)
    sha256 = models.CharField(max_length=64)
    size_bytes = models.BigIntegerField(default=0)
    shard_bytes = models.BigIntegerField(default=0)
    format = models.CharField(max_length=16, blank=True)
    kind = models.CharField(max_length=8, blank=True)
    fixed_from = models.PositiveIntegerField(null=True)
    columns = models.JSONField(default=list)  # names in the file's order
    features = models.JSONField(default=dict)
    classes = models.JSONField(default=dict)
    splits = models.JSONField(default=dict)
    shards = models.JSONField(default=dict)
    statistics = models.JSONField(default=dict)
    sources = models.JSONField(default=list)
    job = models.ForeignKey("jobs.Job", null=True, on_delete=models.SET_NULL, related_name="+")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    ready_at = models.DateTimeField(null=True)

    fresh = False  # whether the call that gave this row has made it; not stored

    class Meta:
        constraints = [models.UniqueConstraint(fields=["dataset", "version"], name="version_per_dataset")]
        indexes = [
            models.Index(fields=["dataset", "content_key"], name="version_by_content"),
            models.Index(fields=["state", "created_at"], name="dataset_version_by_state"),
            # What lists ask of the newest version of every dataset, answered without reading the row, whose statistics may be long.
            models.Index(fields=["dataset", "-version", "created_at", "kind", "state", "size_bytes"], name="dataset_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.dataset.name}@{self.version}"


class ListChoice(models.Model):
    """Which columns of the list of datasets one person sees, in order."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="+")
    columns = models.JSONField(default=list)
