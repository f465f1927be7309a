"""Training jobs without a worker: what they left in the store is written by hand."""

import hashlib
import json
from typing import Any

import pytest
from controlplane import artifacts, outcomes
from controlplane.jobs.models import Attempt, Checkpoint, Job
from controlplane.jobs.services import create_job
from controlplane.jobs.transitions import move, now
from django.db import transaction

from tests.people import People
from workers.contract.events import End
from workers.contract.orders import DatasetRef, TrainWork
from workers.contract.states import JobState

FILES = {
    "config.json": json.dumps({"model_type": "bert", "id2label": {"0": "bad", "1": "good"}}).encode(),
    "model.safetensors": bytes(range(256)) * 8,
    "tokenizer/vocab.txt": b"a\nb\n",
}


class Bench:
    """Makes jobs and ends them."""

    def __init__(self, people: People) -> None:
        self.people = people
        self.workspace = people.alice.workspace

    def job(self, recipe: str = "text-classification/majority", **request: Any) -> Job:
        dataset = DatasetRef(name="reviews", version=1, features={"text": "text"}, splits={}, rows={})
        work = TrainWork(recipe=recipe, params={"seed": 7}, columns={"text": "review", "label": "stars"}, dataset=dataset)
        job = create_job(
            workspace=self.workspace,
            user=self.people.charlie.user,
            kind="train",
            name="a try",
            work=work,
            request={"model_name": "clf", **request},
            recipe=recipe,
            dataset="reviews@1",
        )
        self.attempt(job)
        return job

    def attempt(self, job: Job) -> None:
        """A worker has claimed it."""
        with transaction.atomic():
            move(job, JobState.STARTING)
            Attempt.objects.create(job=job, number=job.attempts.count() + 1, granted_at=now())
            move(job, JobState.RUNNING)

    def store(self, job: Job, folder: str = "model", files: dict[str, bytes] | None = None) -> list[dict[str, Any]]:
        """Bytes under the job's own keys, as a shepherd leaves them."""
        listed = []
        for name, data in (files or FILES).items():
            uri = f"ws/{job.workspace_id}/jobs/{job.pk}/1/{folder}/{name}"
            artifacts.put_bytes(uri, data)
            listed.append({"name": name, "uri": uri, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()})
        return listed

    def checkpoint(self, job: Job, step: int, whole: bool = True) -> Checkpoint:
        files = self.store(job, f"checkpoints/{step}", {(f"model/{n}" if whole else n): d for n, d in FILES.items()})
        return Checkpoint.objects.create(
            job=job, attempt=1, step=step, files=files, metrics={"eval/accuracy": 0.5}, created_at=now(), size_bytes=1
        )

    def end(self, job: Job, outcome: str = "succeeded", **result: Any) -> Job:
        with transaction.atomic():
            outcomes.finish(job, End(outcome=outcome, result=result or None))  # type: ignore[arg-type]
        job.refresh_from_db()
        return job

    def trained(self, **result: Any) -> Job:
        """A job that has succeeded, with its model."""
        job = self.job()
        return self.end(job, files=self.store(job), metrics={"test/accuracy": 0.9}, **result)


@pytest.fixture
def bench(people: People) -> Bench:
    return Bench(people)
