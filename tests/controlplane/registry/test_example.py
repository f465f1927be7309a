"""The example request of a version: a row of the data it learnt from, in the shape its columns ask for."""

from pathlib import Path

import duckdb
from controlplane import artifacts
from controlplane.data.models import Dataset, DatasetVersion
from controlplane.jobs.models import Job
from controlplane.registry.example import request_of
from controlplane.registry.models import ModelVersion

from tests.controlplane.registry.conftest import Bench

ROWS = """SELECT * FROM (VALUES
    ('打电话 13812345678', '一'), ('二' || repeat('长', 300), '二'), ('屏幕碎了，能换吗', '能换')) rows(question, answer)"""


def test_the_example_is_a_held_out_row_of_the_training_data(bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "test.parquet"
    duckdb.connect().execute(f"COPY ({ROWS}) TO '{path}' (FORMAT parquet)")
    uri = f"ws/{bench.workspace.pk}/d/test.parquet"
    refs = [{"name": path.name, "uri": uri, "size": artifacts.put_file(uri, path), "sha256": "0" * 64}]
    dataset = Dataset.objects.create(workspace=bench.workspace, name="reviews")
    features = {"question": "text", "answer": "text"}
    DatasetVersion.objects.create(dataset=dataset, version=1, state="ready", features=features, splits={"test": 3}, shards={"test": refs})
    job = bench.job()
    Job.objects.filter(pk=job.pk).update(work={**job.work, "columns": {"text": "question", "text_pair": "answer"}})
    job.refresh_from_db()
    bench.end(job, files=bench.store(job))
    version = ModelVersion.objects.get()
    pair = {"text": "屏幕碎了，能换吗", "text_pair": "能换"}
    assert version.lineage["example"] == pair, "neither personal data nor a text that has to be cut"
    assert request_of(version.recipe, version.lineage)["inputs"] == pair
    assert '"text_pair":"能换"' in version.card


def test_without_the_data_it_is_the_recipes(bench: Bench) -> None:
    bench.trained()
    version = ModelVersion.objects.get()
    assert version.lineage["example"] == {}
    assert request_of(version.recipe, version.lineage)["inputs"] == "The room was clean and the staff friendly."
