"""Variants of a version: the same model in fewer bytes, made and measured by a job, served like the version itself."""

from typing import Any

from django.db import transaction
from django.utils import timezone

from controlplane import catalog
from controlplane.audit.services import record
from controlplane.data import services as data
from controlplane.errors import Problem, nearest
from controlplane.jobs.models import Job
from controlplane.jobs.services import create_job
from controlplane.registry import files
from controlplane.registry.evaluation import columns_of, rows_for
from controlplane.registry.models import Model, ModelVersion, Variant
from controlplane.registry.versions import finite, job_folder, last_error, ref, require_ready, wrong
from workers.contract.events import End
from workers.contract.orders import FileRef, ModelRef, OptimizeWork

REFERENCE = "fp32"  # what the version itself is called beside its variants
LIVE_REVISIONS = ("deploying", "ready", "draining")
FIGURES = ("p50_ms", "p95_ms", "rows_per_second")


def offered(version: ModelVersion) -> tuple[str, ...]:
    """The variants a version of its recipe can have."""
    spec = catalog.recipe(version.recipe)
    return tuple(spec.variants) if spec else ()


@transaction.atomic
def optimize(
    *,
    version: ModelVersion,
    user: Any,
    variant: str,
    dataset: str | None = None,
    split: str = "test",
    columns: dict[str, str] | None = None,
) -> Variant:
    """Start making a variant of a ready version and measuring both on one split. dataset: None = the one it learnt from ·
    columns: recipe role -> dataset column, None = as in training, then by name. Raises Problem 409, 422."""
    require_ready(version)
    known = offered(version)
    if variant not in known:
        hint = nearest(variant, list(known)) if known else "Models of this kind have no variants."
        raise wrong("variant", "unknown_variant", f"{version} cannot be made into `{variant[:63]}`.", hint)
    learnt_from = dataset or version.lineage.get("dataset")
    if not learnt_from:
        raise wrong("dataset", "unknown_dataset", f"{version} was not trained here.", "Name a dataset to measure it on.")
    found = rows_for(version, learnt_from, split)
    _make_room(version, variant)
    made: Variant = Variant.objects.create(version=version, variant=variant, dataset=str(found), split=split, created_by=user)
    made.job = create_job(
        workspace=version.model.workspace,
        user=user,
        kind="optimize",
        name=f"Optimise {version} to {variant}",
        work=OptimizeWork.model_validate(
            {
                "recipe": version.recipe,
                "columns": columns_of(version, found.features, columns or {}),
                "dataset": data.ref(found),
                "split": split,
                "model": ref(version),
                "variant": variant,
            }
        ),
        request={"model": str(version), "variant": variant, "dataset": str(found), "split": split},
        recipe=version.recipe,
        dataset=str(found),
    )
    made.save(update_fields=["job"])
    return made


def _make_room(version: ModelVersion, variant: str) -> None:
    """A try that came to nothing gives way to the next one. Problem 409 where there is more than that."""
    Model.objects.select_for_update().get(pk=version.model_id)
    there = version.variants.filter(variant=variant).select_related("job").first()
    if there is None:
        return
    if there.state != "failed":
        how = "is there already" if there.state == "ready" else "is being made"
        by = f", by job #{there.job.number}" if there.job else ""
        raise Problem(409, "variant_exists", f"{there} {how}{by}.", "Use it, or delete it first.")
    there.delete()


@transaction.atomic
def optimisation_ended(*, job: Job, end: End) -> None:
    """The optimising job's last word. Raises Problem 422 for files that may not be part of a model."""
    made = Variant.objects.select_for_update().filter(job=job).exclude(state="ready").first()
    if made is None:
        return
    result = end.result or {}
    if end.outcome == "succeeded":
        made.files = files.checked(result.get("files") or [], below=job_folder(job))
        made.size_bytes = sum(file["size"] for file in made.files)
        made.measured = {
            "reference": _figures(result.get("reference") or {}),
            "variant": _figures(result.get("variant") or {}),
            "rows": int(result.get("rows") or 0),
            "device": str(result.get("device") or "cpu")[:20],
            "threads": int(result.get("threads") or 1),
        }
        made.state, made.error, made.measured_at = "ready", None, timezone.now()
        record(action="model.variant_ready", target=("model", str(made)), workspace=job.workspace, data={"job": job.number})
    else:
        made.error, made.state = last_error(end, "optimisation"), "failed"
    made.save()


def _figures(given: dict[str, Any]) -> dict[str, Any]:
    """What was measured of one, as far as it is figures."""
    metrics = {str(key)[:200]: finite(value) for key, value in (given.get("metrics") or {}).items()}
    return {"size_bytes": int(given.get("size_bytes") or 0), **{key: finite(given.get(key)) for key in FIGURES}, "metrics": metrics}


def find_variant(version: ModelVersion, name: str | None) -> str:
    """The name of a ready variant, empty for the version itself. Raises Problem 422 naming what there is, 409 while it is made."""
    if not name or name == REFERENCE:
        return ""
    found = version.variants.filter(variant=name).first()
    if found is None:
        names = ", ".join([REFERENCE, *version.variants.filter(state="ready").values_list("variant", flat=True)])
        raise wrong("variant", "unknown_variant", f"{version} has no variant `{name[:63]}`.", f"It has: {names}.")
    if found.state != "ready":
        raise Problem(409, "variant_not_ready", f"{found} is {found.state}.", "Wait until it is ready, or choose another.")
    return str(found.variant)


def served(version: ModelVersion, variant: str) -> ModelRef | None:
    """A version, or one of its variants, as an order carries it; None for a variant that is not there any more."""
    if not variant:
        return ref(version)
    found = version.variants.filter(variant=variant, state="ready").first()
    if found is None:
        return None
    return ModelRef(name=version.model.name, version=version.version, files=[FileRef.model_validate(file) for file in found.files])


def serving(variant: Variant) -> list[str]:
    """The endpoints that answer with it."""
    rows = variant.version.revisions.filter(variant=variant.variant, state__in=LIVE_REVISIONS).select_related("endpoint")
    return sorted({revision.endpoint.name for revision in rows})


def delete_variant(*, variant: Variant) -> None:
    """Remove a variant with its files. Raises Problem 409 naming the endpoints that serve it, or the job that makes it."""
    with transaction.atomic():
        Model.objects.select_for_update().get(pk=variant.version.model_id)
        variant.refresh_from_db()
        users = [f"endpoint {name}" for name in serving(variant)]
        if variant.state == "optimising" and variant.job is not None:
            users.append(f"job #{variant.job.number}")
        if users:
            errors = [{"loc": ["path", "variant"], "msg": user} for user in users]
            raise Problem(409, "in_use", f"{variant} is used by {', '.join(users[:10])}.", "Stop or delete what uses it first.", errors)
        record(action="model.delete_variant", target=("model", str(variant)), workspace=variant.version.model.workspace)
        variant.delete()
