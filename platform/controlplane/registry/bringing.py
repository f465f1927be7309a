"""Models people bring: an archive or a hub id, checked by a job before anybody can use it."""

import re
from typing import Any

from django.db import transaction
from django.utils import timezone

from controlplane import catalog
from controlplane.audit.services import record
from controlplane.data.intake import hold_uploads
from controlplane.data.services import find_uploads
from controlplane.errors import Problem, nearest
from controlplane.jobs.models import Job
from controlplane.jobs.services import create_job
from controlplane.names import check_slug, check_title
from controlplane.registry import files
from controlplane.registry.code import code_version
from controlplane.registry.models import Model, ModelVersion
from controlplane.registry.versions import job_folder, last_error, locked_model, next_version, write_card, wrong
from workers.contract.events import End
from workers.contract.orders import FileRef, Hub, ImportWork
from workers.contract.states import VersionState

HUB_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}")
KEEP_UPLOAD_SECONDS = 7 * 86400


def bring_model(
    *,
    workspace: Any,
    user: Any,
    name: str,
    task: str,
    uploads: list[str] | None = None,
    hub_id: str | None = None,
    hub: Hub = "huggingface",
    title: str = "",
) -> ModelVersion:
    """A version `importing`, whose job checks one uploaded archive or fetches a hub id. Raises Problem 422, 409 (another task)."""
    check_slug(name)
    tasks = sorted({spec.task() for spec in catalog.recipes().values() if spec.base_architectures})
    if task not in tasks:
        raise wrong("task", "unknown_task", f"No recipe serves models of the task `{task[:100]}`.", nearest(task, tasks))
    if bool(uploads) == bool(hub_id):
        raise wrong("uploads", "one_source", "Name either `uploads` or `hub_id`.")
    if hub_id and not HUB_ID.fullmatch(hub_id):
        raise wrong("hub_id", "bad_hub_id", f"`{hub_id[:100]}` is no hub id.", "It reads `owner/name`.")
    found = find_uploads(workspace, uploads) if uploads else []
    if len(found) > 1:
        raise wrong("uploads", "one_archive", "A model is brought as one archive.", "Put the folder into one ZIP or TAR.")
    refs = [FileRef(name=upload.filename, uri=upload.uri, size=upload.size, sha256=upload.sha256) for upload in found]
    with transaction.atomic():
        model = locked_model(workspace, name, task, user)
        if title:
            Model.objects.filter(pk=model.pk).update(title=check_title(title))
        source = found[0].filename if found else str(hub_id) if hub == "huggingface" else f"{hub}: {hub_id}"
        version = next_version(model, task=task, lineage={"source": source, "code": code_version()}, created_by=user)
        work = ImportWork(task=task, files=refs, hub_id=hub_id, hub=hub)
        version.job = create_job(
            workspace=workspace,
            user=user,
            kind="import",
            name=f"Import {version}",
            work=work,
            network="hub" if hub_id else "none",
            request={"model": str(version), "source": source},
        )
        version.lineage["job"] = str(version.job.number)
        version.save(update_fields=["job", "lineage"])
        record(action="model.bring", target=("model", str(version)), workspace=workspace, data={"source": source})
        hold_uploads(uploads=found, seconds=KEEP_UPLOAD_SECONDS)
    return version


@transaction.atomic
def import_ended(*, job: Job, end: End) -> ModelVersion | None:
    """The importing job's last word: the version is ready, or failed with the reason. Raises Problem 422 for a model nobody can serve."""
    version = ModelVersion.objects.select_for_update().filter(job=job, state=VersionState.IMPORTING).first()
    if version is None:
        return None
    result = end.result or {}
    if end.outcome != "succeeded":
        version.state, version.error = VersionState.FAILED, last_error(end, "import")
        version.save(update_fields=["state", "error"])
        return version
    kept = files.checked(result.get("files") or [], below=job_folder(job))
    config = result.get("config") or files.read_json(kept, "config.json")
    recipe = catalog.recipe_for_model(version.task, config)
    if recipe is None:
        known = sorted({kind for spec in catalog.recipes().values() if spec.task() == version.task for kind in spec.base_architectures})
        detail = f"A model of the type {config.get('model_type')!r} cannot be served for {version.task} here."
        raise Problem(422, "wrong_architecture", detail, f"Types that can: {', '.join(known)}.")
    version.lineage = {**version.lineage, "recipe": recipe, "versions": result.get("versions") or {}}
    version.recipe, version.config, version.files = recipe, config, kept
    version.size_bytes = sum(file["size"] for file in kept)
    version.state, version.ready_at = VersionState.READY, timezone.now()
    version.save()
    write_card(version, str(result.get("card") or ""))
    record(action="model.version_ready", target=("model", str(version)), workspace=version.model.workspace)
    return version
