"""Every list with 10,000 objects, as pages, as the partials a page that stays open asks for again, and as APIs: sorted, searched, deep.

    python -m tests.benchmarks.lists [--rows 10000] [--rounds 40] [--only jobs]

Prints of each: median, 95th percentile and extremes of the time from request to answer, the processor's share of it (which other
programs on the machine hardly change), and how many queries it made. The budgets are 200 ms for a list, 100 ms for a partial, at the
95th percentile.
"""

import argparse
import re
import time
from typing import Any

from tests.benchmarks.site import site, spread

PARTIAL = {"HX-Request": "true", "HX-Request-Type": "partial", "HX-Target": "div#rows"}


def fill(workspace: Any, user: Any, count: int) -> None:
    """As many jobs, datasets of two versions, models of two versions, and endpoints of two revisions."""
    from controlplane.data.models import Dataset, DatasetVersion
    from controlplane.jobs.models import Attempt
    from controlplane.registry.models import Model, ModelVersion
    from controlplane.serving.models import Endpoint, Revision
    from django.db import transaction

    from tests.controlplane.jobs.rows import job_rows

    own = {"workspace": workspace, "created_by": user}
    numbers = range(1, count + 1)
    with transaction.atomic():
        jobs = job_rows(workspace, user, count)
        Attempt.objects.bulk_create([Attempt(job=job, number=1, granted_at=job.queued_at) for job in jobs], batch_size=1000)
        datasets = Dataset.objects.bulk_create([Dataset(name=f"reviews-{n}", title=f"Reviews {n}", **own) for n in numbers])
        versions = [_dataset_version(row, n, jobs[-1], user) for row in datasets for n in (1, 2)]
        DatasetVersion.objects.bulk_create(versions, batch_size=500)
        task = {"task": "text-classification"}
        models = Model.objects.bulk_create([Model(name=f"sentiment-{n}", last_version=2, **task, **own) for n in numbers])
        made = [_model_version(row, n, jobs[-1], user) for row in models for n in (1, 2)]
        ModelVersion.objects.bulk_create(made, batch_size=500)
        endpoints = Endpoint.objects.bulk_create([Endpoint(name=f"sentiment-{n}", state="ready", **task, **own) for n in numbers])
        shares = {1: 20, 2: 80}
        revisions = [
            Revision(endpoint=row, revision=n, model=f"{row.name}@{n}", model_version=made[0], state="ready", traffic=traffic)
            for row in endpoints
            for n, traffic in shares.items()
        ]
        Revision.objects.bulk_create(revisions, batch_size=1000)


def _dataset_version(dataset: Any, number: int, job: Any, user: Any) -> Any:
    from controlplane.data.models import DatasetVersion

    columns = {"text": "text", "label": "category"}
    profile = {name: {"missing": 0, "distinct": 90, "histogram": list(range(20)), "longest": 512} for name in columns}
    statistics = {"rows": 1000, "columns": profile, "health": {"duplicates": number - 1, "leakage": 0, "conflicts": 0, "rejected": 0}}
    fields = {
        "format": "csv",
        "kind": "text",
        "columns": list(columns),
        "features": columns,
        "splits": {"train": 900, "test": 100},
        "statistics": statistics,
    }
    keys = {"content_key": f"{dataset.pk}-{number}", "sha256": "0" * 64, "size_bytes": 40_000 + dataset.pk}
    return DatasetVersion(dataset=dataset, version=number, state="ready", job=job, created_by=user, **keys, **fields)


def _model_version(model: Any, number: int, job: Any, user: Any) -> Any:
    from controlplane.registry.models import ModelVersion

    files = [{"name": f"file-{n}", "uri": f"ws/1/{n}", "size": 1000, "sha256": "0" * 64} for n in range(8)]
    fields = {
        "lineage": {"dataset": "reviews-1@1", "job": "1"},
        "metrics": {"test/accuracy": 0.9},
        "card": "# A model\n" * 100,
        "files": files,
    }
    made = {"job": job, "created_by": user, "size_bytes": 90_000_000}
    return ModelVersion(
        model=model, version=number, state="ready", task=model.task, recipe="text-classification/finetune", **made, **fields
    )


def asked(client: Any) -> list[tuple[str, str, dict[str, str]]]:
    """Name, address and headers of everything that is asked for."""
    whole: dict[str, str] = {}
    out = []
    for room, sort in (("jobs", "name"), ("datasets", "size"), ("models", ""), ("endpoints", "")):
        page = f"/w/bench/{room}"
        first = client.get(page).content.decode()
        cursor = re.search(r'href="\?cursor=([^"]+)"', first)
        poll = re.search(r'id="rows" hx-get="([^"]+)"', first)
        if not cursor or not poll:
            raise RuntimeError(f"the page of {room} has no second page or does not poll")
        out += [
            (f"{room}: first page", page, whole),
            (f"{room}: second page", f"{page}?cursor={cursor[1]}", whole),
            (f"{room}: searched", f"{page}?q=99", whole),
            (f"{room}: poll", poll[1].replace("&amp;", "&"), PARTIAL),
            (f"{room}: API", f"/api/v1/workspaces/bench/{room}", whole),
            (f"{room}: API, largest page", f"/api/v1/workspaces/bench/{room}?limit=200", whole),
        ]
        out += [(f"{room}: sorted by {sort}", f"{page}?sort={sort}", whole)] if sort else []
    return [
        *out,
        ("jobs: filtered", "/w/bench/jobs?state=succeeded&recipe=text-classification/finetune", whole),
        ("datasets: filtered", "/w/bench/datasets?kind=text&state=ready", whole),
        ("home", "/w/bench", whole),
    ]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--only", default="")
    given = parser.parse_args()
    with site() as it:
        from django.db import connection
        from django.test import Client
        from django.test.utils import CaptureQueriesContext

        fill(it.workspace, it.user, given.rows)
        client = Client(SERVER_NAME="127.0.0.1")
        client.force_login(it.user, backend="allauth.account.auth_backends.AuthenticationBackend")
        for name, path, headers in asked(client):
            if not name.startswith(given.only):
                continue
            with CaptureQueriesContext(connection) as queries:
                status = client.get(path, headers=headers).status_code
                made = len(queries)
            if status not in (200, 204):
                raise RuntimeError(f"{path}: {status}")
            times, busy = [], []
            for _ in range(given.rounds):
                start, own = time.perf_counter(), time.thread_time()
                client.get(path, headers=headers)
                times.append(time.perf_counter() - start)
                busy.append(time.thread_time() - own)
            middle = 1000 * sorted(busy)[len(busy) // 2]
            spread(f"{name} ({status}, {made} queries, processor {middle:.0f} ms)", times)


if __name__ == "__main__":
    main()
