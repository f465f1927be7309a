"""Ready dataset versions and a worker host, written by hand: what a preparing job and a joining host would leave."""

from typing import Any

import pytest
from controlplane.data.models import Dataset, DatasetVersion
from controlplane.jobs.models import Worker
from controlplane.jobs.transitions import now

from tests.people import Answer, People


class Desk:
    """Asks for training jobs in acme."""

    def __init__(self, people: People) -> None:
        self.people = people
        self.reviews()

    def reviews(
        self, name: str = "reviews", values: list[list[Any]] | None = None, splits: dict[str, int] | None = None, **more: str
    ) -> None:
        """A dataset with a text, a category, a number and an id."""
        values = values if values is not None else [["bad", 60], ["good", 40]]
        features = {"review": "text", "stars": "category", "price": "number"} | more
        dataset = Dataset.objects.create(workspace=self.people.alice.workspace, name=name)
        shards = {split: [] for split in splits or {"train": 80, "validation": 10, "test": 10}}
        DatasetVersion.objects.create(
            dataset=dataset,
            version=1,
            state="ready",
            format="csv",
            content_key=name,
            sha256="0" * 64,
            columns=list(features),
            features=features,
            classes={"stars": [value for value, _ in values]},
            splits=splits or {"train": 80, "validation": 10, "test": 10},
            shards=shards,
            statistics={"rows": 100, "columns": {"stars": {"type": "category", "nulls": 0, "distinct": len(values), "values": values}}},
        )

    def host(self, memory: int = 8 << 30) -> Worker:
        """A host without a GPU."""
        devices = [{"id": "cpu", "kind": "cpu", "memory_bytes": memory, "name": "CPU"}]
        worker: Worker = Worker.objects.create(
            name="here", token_hash="0" * 64, contract=1, devices=devices, cpus=2, memory_bytes=memory, seen_at=now()
        )
        return worker

    def ask(self, dry: bool = False, **body: Any) -> Answer:
        asked = {"recipe": "text-classification/finetune", "dataset": "reviews@1", **body}
        return self.people.alice.post("…/jobs" + ("?dry_run=true" if dry else ""), asked)


def places(answer: Answer) -> list[str]:
    """Where the API says something is wrong."""
    return [".".join(map(str, error["loc"])) for error in answer.body["errors"]]


@pytest.fixture
def desk(people: People) -> Desk:
    return Desk(people)
