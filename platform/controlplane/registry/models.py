"""Rows of the registry: models, their versions with lineage, metrics and files."""

from django.conf import settings
from django.db import models

from controlplane.workspaces.models import WorkspaceOwned
from workers.contract.states import VersionState


class Model(WorkspaceOwned):
    """A name under which versions are counted. last_version: the newest number ever given out, never given twice ·
    quality_limit: what the main metric of a variant has to reach, None = nearly what its version reaches (see quality.py)."""

    name = models.CharField(max_length=63)
    title = models.CharField(max_length=200, blank=True)
    task = models.CharField(max_length=100)
    last_version = models.PositiveIntegerField(default=0)
    quality_limit = models.FloatField(null=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "name"], name="model_name_per_workspace")]
        indexes = [models.Index(fields=["workspace", "created_at"], name="model_list")]

    def __str__(self) -> str:
        return self.name


class ModelVersion(models.Model):
    """One immutable version. recipe: which `serve.py` answers with it · files: [{name, uri, size, sha256}] in Hugging Face layout ·
    lineage: {dataset, columns, example, base_model, job, params, seed, recipe, recipe_version, code, versions} · card: as it was
    generated; edited_card: what somebody wrote in its place, with whom and when."""

    model = models.ForeignKey(Model, on_delete=models.CASCADE, related_name="versions")
    version = models.PositiveIntegerField()
    state = models.CharField(max_length=16, choices=[(s.value, s.value) for s in VersionState], default=VersionState.IMPORTING)
    error = models.JSONField(null=True)
    task = models.CharField(max_length=100)
    recipe = models.CharField(max_length=100, blank=True)
    job = models.ForeignKey("jobs.Job", null=True, on_delete=models.SET_NULL, related_name="+")
    metrics = models.JSONField(default=dict)
    lineage = models.JSONField(default=dict)
    card = models.TextField(blank=True)
    edited_card = models.TextField(blank=True)
    edited_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    edited_at = models.DateTimeField(null=True)
    config = models.JSONField(default=dict)
    files = models.JSONField(default=list)
    size_bytes = models.BigIntegerField(default=0)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    ready_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["model", "version"], name="version_per_model")]
        indexes = [models.Index(fields=["state", "created_at"], name="model_version_by_state")]

    @property
    def made_by(self) -> str:
        """The number of the job it came from, as its lineage has it; empty when it came otherwise."""
        number = str(self.lineage.get("job") or "")
        return number if number.isascii() and number.isdecimal() else ""

    @property
    def shown_card(self) -> str:
        """What is read and downloaded: the edited card where there is one."""
        return self.edited_card if self.edited_at else self.card

    def __str__(self) -> str:
        return f"{self.model.name}@{self.version}"


class Prediction(models.Model):
    """A model version asked about every row of one split. model: its reference, which outlives it · files: [{name, uri, size, sha256}],
    Parquet · features: {column: type} of them · unreadable: rows the model could not be asked about."""

    version = models.ForeignKey(ModelVersion, null=True, on_delete=models.SET_NULL, related_name="predictions")
    model = models.CharField(max_length=80)
    dataset = models.CharField(max_length=100)
    split = models.CharField(max_length=63)
    job = models.OneToOneField("jobs.Job", on_delete=models.CASCADE, related_name="prediction")
    state = models.CharField(max_length=16, default="running")  # running | ready | failed
    error = models.JSONField(null=True)
    rows = models.BigIntegerField(default=0)
    unreadable = models.BigIntegerField(default=0)
    files = models.JSONField(default=list)
    size_bytes = models.BigIntegerField(default=0)
    features = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)


class Evaluation(models.Model):
    """A model version measured on one split of a dataset version: by the job that trained it, or by one of its own.

    report: by class, confusion matrix and the like · files: [{name, uri, size, sha256}], the answer to every row as Parquet.
    """

    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="evaluations")
    dataset = models.CharField(max_length=100)
    split = models.CharField(max_length=63, default="test")
    job = models.ForeignKey("jobs.Job", null=True, on_delete=models.SET_NULL, related_name="+")
    state = models.CharField(max_length=16, default="running")  # running | ready | failed
    error = models.JSONField(null=True)
    metrics = models.JSONField(default=dict)
    report = models.JSONField(default=dict)
    files = models.JSONField(default=list)
    size_bytes = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)


class Variant(models.Model):
    """The same version in fewer bytes, made and measured beside the version itself by one job.

    variant: `int8` and the like, of those its recipe offers · files: [{name, uri, size, sha256}], all that is needed to serve it ·
    measured: {reference, variant: {size_bytes, p50_ms, p95_ms, rows_per_second, metrics}, rows, device, threads}.
    """

    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="variants")
    variant = models.CharField(max_length=63)
    state = models.CharField(max_length=16, default="optimising")  # optimising | ready | failed
    job = models.ForeignKey("jobs.Job", null=True, on_delete=models.SET_NULL, related_name="+")
    error = models.JSONField(null=True)
    files = models.JSONField(default=list)
    size_bytes = models.BigIntegerField(default=0)
    measured = models.JSONField(default=dict)
    dataset = models.CharField(max_length=100)
    split = models.CharField(max_length=63)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    measured_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["version", "variant"], name="variant_per_version")]

    def __str__(self) -> str:
        return f"{self.version} {self.variant}"
