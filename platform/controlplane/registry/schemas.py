"""What the API says of models. Plain functions from row to JSON: the fields are `api.md`'s."""

from typing import Any

from django.db.models import Prefetch, prefetch_related_objects

from controlplane.jobs.schemas import when
from controlplane.registry import cards, quality
from controlplane.registry.models import Evaluation, Model, ModelVersion, Prediction, Variant
from controlplane.registry.variants import FIGURES


def _email(user: Any) -> str | None:
    return user.email if user else None


def with_variants() -> "Prefetch[Any]":
    """What a version's JSON reads beside its own row: its variants as `made`. A list of versions fetches it for all of them at once."""
    return Prefetch("variants", Variant.objects.select_related("job", "created_by").order_by("created_at", "pk"), to_attr="made")


def version_json(version: ModelVersion) -> dict[str, Any]:
    """One version. job: its public number · lineage: where it comes from."""
    prefetch_related_objects([version], with_variants())
    return {
        "model": version.model.name,
        "version": version.version,
        "reference": str(version),
        "state": version.state,
        "reason": None,
        "error": version.error,
        "task": version.task,
        "recipe": version.recipe or None,
        "job": str(version.job.number) if version.job else version.lineage.get("job"),
        "metrics": version.metrics,
        "lineage": version.lineage,
        "card": version.shown_card,
        "card_edited": {"by": _email(version.edited_by), "at": when(version.edited_at)} if version.edited_at else None,
        "variants": [variant_json(variant) for variant in version.made],  # type: ignore[attr-defined]  # prefetched
        "size_bytes": version.size_bytes,
        "files": len(cards.listed(version)),
        "created_by": _email(version.created_by),
        "created_at": when(version.created_at),
        "ready_at": when(version.ready_at),
    }


def model_json(model: Model, versions: list[ModelVersion]) -> dict[str, Any]:
    """A model with its versions, newest first. latest: the newest that is ready, as a reference."""
    ready = next((version for version in versions if version.state == "ready"), None)
    return {
        "name": model.name,
        "title": model.title,
        "task": model.task,
        "quality_limit": model.quality_limit,
        "latest": str(ready) if ready else None,
        "state": versions[0].state if versions else None,
        "versions": [version_json(version) for version in versions],
        "created_by": model.created_by.email if model.created_by else None,
        "created_at": when(model.created_at),
    }


def files_json(listed: list[dict[str, Any]], base: str) -> dict[str, Any]:
    """Files with where each is downloaded. base: the address they stand below."""
    items = [{"name": f["name"], "size": f["size"], "sha256": f["sha256"], "url": f"{base}/{f['name']}"} for f in listed]
    return {"items": items, "next": None}


def variant_json(variant: Variant) -> dict[str, Any]:
    """A variant beside the version itself, measured by the same job. limit: what its main metric has to reach for `within_limit`."""
    own, reference = (variant.measured.get(which) or {} for which in ("variant", "reference"))
    limit = quality.limit_of(variant.version, reference.get("metrics") or {})
    return {
        "variant": variant.variant,
        "state": variant.state,
        "error": variant.error,
        "job": str(variant.job.number) if variant.job else None,
        "dataset": variant.dataset,
        "split": variant.split,
        "size_bytes": own.get("size_bytes") or variant.size_bytes,
        **{key: own.get(key) for key in FIGURES},
        "metrics": own.get("metrics") or {},
        "reference": reference or None,
        "rows": variant.measured.get("rows"),
        "device": variant.measured.get("device"),
        "threads": variant.measured.get("threads"),
        "limit": {"metric": limit.metric, "goal": limit.goal, "value": limit.value} if limit else None,
        "verdict": quality.verdict(variant),
        "created_by": _email(variant.created_by),
        "created_at": when(variant.created_at),
        "measured_at": when(variant.measured_at),
    }


def evaluation_json(evaluation: Evaluation) -> dict[str, Any]:
    """One measurement. report: what does not fit a figure, such as a confusion matrix · answers: where each row's answer is read."""
    version = evaluation.version
    base = f"/api/v1/workspaces/{version.model.workspace.slug}/models/{version.model.name}/versions/{version.version}/evaluations"
    return {
        "id": str(evaluation.pk),
        "dataset": evaluation.dataset,
        "split": evaluation.split,
        "state": evaluation.state,
        "error": evaluation.error,
        "job": str(evaluation.job.number) if evaluation.job else None,
        "metrics": evaluation.metrics,
        "report": evaluation.report,
        "answers": f"{base}/{evaluation.pk}/answers" if evaluation.files else None,
        "created_at": when(evaluation.created_at),
    }


def prediction_json(prediction: Prediction) -> dict[str, Any]:
    """A batch prediction. files: where its result is fetched, by format, once it is ready."""
    job = prediction.job
    base = f"/api/v1/workspaces/{job.workspace.slug}/jobs/{job.number}/predictions"
    return {
        "model": prediction.model,
        "dataset": prediction.dataset,
        "split": prediction.split,
        "state": prediction.state,
        "error": prediction.error,
        "rows": prediction.rows,
        "unreadable": prediction.unreadable,
        "size_bytes": prediction.size_bytes,
        "files": {form: f"{base}?format={form}" for form in ("parquet", "csv", "jsonl")} if prediction.state == "ready" else {},
        "job": str(job.number),
        "created_at": when(prediction.created_at),
    }
