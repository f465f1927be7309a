"""Rows written straight into the database of a running platform: 10,000 of a kind, the longest titles, what went wrong.

Imported only once Django is set up (see conditions.py).
"""

from datetime import timedelta
from typing import Any

from controlplane.accounts.models import User
from controlplane.audit.models import AuditEvent
from controlplane.data.models import Dataset, DatasetVersion
from controlplane.jobs.models import Checkpoint, Job, Sample
from controlplane.notifications.models import Notification
from controlplane.registry.models import Evaluation, Model, ModelVersion, Prediction
from controlplane.serving.models import Endpoint, Revision
from controlplane.workspaces.models import Membership, Role, Workspace
from django.utils import timezone

from tests.controlplane.jobs.rows import curve, job_rows, log_rows

STATES = ("succeeded", "succeeded", "failed", "cancelled", "succeeded")
ERROR = {"code": "out_of_memory", "message": "A batch of 16 rows needed 24.5 GB, the card has 23.7 GB.", "hint": "", "loc": {"step": 312}}


def copies(row: Any, changes: list[dict[str, Any]]) -> list[Any]:
    """The row again for each of the changes."""
    fields = [field.attname for field in row._meta.concrete_fields if not field.primary_key]
    same = {name: getattr(row, name) for name in fields}
    made: list[Any] = type(row).objects.bulk_create([type(row)(**{**same, **change}) for change in changes], batch_size=500)
    return made


def viewer(slug: str, email: str) -> None:
    """Somebody who may only look."""
    user, _ = User.objects.get_or_create(email=email, defaults={"name": "Ana Souza"})
    Membership.objects.get_or_create(workspace=Workspace.objects.get(slug=slug), user=user, defaults={"role": Role.VIEWER})


def owner(workspace: Workspace) -> User:
    return User.objects.get(memberships__workspace=workspace, memberships__role=Role.OWNER)


def again(workspace: Workspace, names: list[tuple[str, str]]) -> None:
    """The workspace's first dataset, model and endpoint once more under each (name, title)."""
    dataset = Dataset.objects.filter(workspace=workspace).order_by("pk")[0]
    model = Model.objects.filter(workspace=workspace).order_by("pk")[0]
    endpoint = Endpoint.objects.filter(workspace=workspace).order_by("pk")[0]
    for row, below, link in (
        (dataset, DatasetVersion.objects.filter(dataset=dataset), "dataset"),
        (model, ModelVersion.objects.filter(model=model), "model"),
        (endpoint, Revision.objects.filter(endpoint=endpoint), "endpoint"),
    ):
        more = {"desired": "stopped", "state": "stopped"} if row is endpoint else {}
        made = copies(row, [{"name": name, "title": title, **more} for name, title in names])
        stopped = {"state": "stopped", "traffic": 0} if row is endpoint else {}
        copies(below[0], [{f"{link}_id": new.pk, **stopped} for new in made])


def titled(slug: str, titles: dict[str, str], number: int) -> None:
    """All titles on every kind of thing that has one, and a person with such a name."""
    workspace = Workspace.objects.get(slug=slug)
    again(workspace, [(f"{kind}-{slug}"[:63], title[:200]) for kind, title in titles.items()])
    for rows in (Dataset, Model, Endpoint):
        rows.objects.filter(workspace=workspace, title__in=("", slug)).update(title=titles["mixed"])
    Job.objects.filter(workspace=workspace, number=number).update(name=titles["word"])
    for state, title in zip(STATES, titles.values(), strict=True):
        (job,) = job_rows(workspace, owner(workspace), 1, name=title[:200], state=state, error=ERROR if state == "failed" else None)
        curve(job, f"eval/{slug}", 50)
    log_rows(job, 3000, error_at=2990)
    for role, title in zip(("admin", "editor", "viewer", "viewer", "viewer"), titles.values(), strict=True):
        person = User.objects.create(email=f"{role}.{abs(hash(title))}{'-with-a-long-address' * 3}@example.org", name=title[:100])
        Membership.objects.create(workspace=workspace, user=person, role=role)


def crowd(slug: str, count: int) -> None:
    """`count` of whatever a workspace can hold that many of."""
    workspace = Workspace.objects.get(slug=slug)
    user, now = owner(workspace), timezone.now()
    again(workspace, [(f"reviews-{number}", f"Reviews of day {number}") for number in range(1, count)])
    version = ModelVersion.objects.get(model__workspace=workspace, model__name="reviews")
    copies(version, [{"version": number} for number in range(2, 200)])
    Model.objects.filter(workspace=workspace, name="reviews").update(last_version=199)
    data = DatasetVersion.objects.get(dataset__workspace=workspace, dataset__name="reviews")
    copies(data, [{"version": number} for number in range(2, 200)])
    copies(Evaluation.objects.filter(version=version)[0], [{"split": "test"}] * count)
    jobs = job_rows(workspace, user, count, progress={"step": 400, "total_steps": 400, "epoch": 3})
    for place, state in enumerate(STATES):
        some = Job.objects.filter(pk__in=[job.pk for job in jobs[place :: len(STATES)]])
        some.update(state=state, error=ERROR if state == "failed" else None)
    copies(Prediction.objects.filter(version=version)[0], [{"job_id": job.pk} for job in jobs])
    log_rows(jobs[-1], 100_000, error_at=99_000)
    for key in ("train/loss", "eval/loss", "train/learning_rate", *(f"layer/{number}" for number in range(30))):
        curve(jobs[-1], key, 1000)
    point = {"job": jobs[-1], "created_at": now}
    Checkpoint.objects.bulk_create(Checkpoint(attempt=1, step=n, files=[], size_bytes=4_120_000, **point) for n in (380, 390, 400))
    told = [{"title": "Sample", "prompt": f"row {n}", "output": f"answer {n}", "kind": "text"} for n in range(400)]
    Sample.objects.bulk_create(Sample(step=n // 2 * 2, cursor=n, data=data, **point) for n, data in enumerate(told))
    people(workspace, 900)
    event = {"workspace_id": workspace.pk, "actor_id": user.pk, "actor": user.email, "ip": "192.0.2.7", "target_type": "job"}
    AuditEvent.objects.bulk_create((AuditEvent(action="train.start", target_id=str(n), **event) for n in range(count)), batch_size=500)
    news = Notification(user=user, workspace=workspace, kind="job.succeeded", path=f"/w/{slug}/jobs/1", key="")
    copies(news, [{"data": {"name": "reviews run", "number": n}, "key": f"many.{n}"} for n in range(count)])


def people(workspace: Workspace, count: int) -> None:
    """Members, most of whom may only look."""
    made = User.objects.bulk_create(User(email=f"member.{n}@{workspace.slug}.example.org", name=f"Member {n}") for n in range(count))
    Membership.objects.bulk_create(
        Membership(workspace=workspace, user=person, role="editor" if n % 5 == 0 else "viewer") for n, person in enumerate(made)
    )


def trouble(slug: str) -> None:
    """An ended job out of memory, one stopped; a measurement and answers that failed; a damaged model."""
    workspace = Workspace.objects.get(slug=slug)
    user = owner(workspace)
    ended = {"started_at": timezone.now() - timedelta(minutes=8), "finished_at": timezone.now()}
    progress = {"step": 312, "total_steps": 963, "epoch": 0.97}
    (job,) = job_rows(workspace, user, 1, name="too large", state="failed", error=ERROR, progress=progress, **ended)
    log_rows(job, 1210, error_at=1206)
    curve(job, "train/loss", 312)
    Checkpoint.objects.create(job=job, attempt=1, step=250, files=[], size_bytes=343_000_000, created_at=timezone.now())
    job_rows(workspace, user, 1, name="stopped", state="cancelled", progress=progress, **ended)
    for rows in (Evaluation, Prediction):
        rows.objects.filter(version__model__workspace=workspace).update(state="failed", error={**ERROR, "message": "No row could be read."})
    damaged = ModelVersion.objects.get(model__workspace=workspace, model__name="damaged")
    ModelVersion.objects.filter(pk=damaged.pk).update(recipe="text-classification/finetune")  # whose files it does not have
    copies(damaged, [{"version": 2, "state": "failed", "error": {"code": "bad_model", "message": "config.json is missing."}}])
    Model.objects.filter(workspace=workspace, name="damaged").update(last_version=2)


def unreadable(slug: str) -> None:
    """A job that no page can draw."""
    workspace = Workspace.objects.get(slug=slug)
    job_rows(workspace, owner(workspace), 1, progress="not an object", metrics="nor this")
