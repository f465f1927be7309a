"""What the API says of datasets and their versions: the fields are `api.md`'s. Plain functions from row to JSON."""

from typing import Any

from controlplane.data.models import Dataset, DatasetVersion
from controlplane.data.preview import in_order
from workers.contract.states import VersionState

HEAVY = ("statistics", "shards", "sources", "classes")


def version_line(version: DatasetVersion) -> dict[str, Any]:
    """One version in a list: without what may be long. Reads none of the fields `HEAVY`."""
    preparing = version.state == VersionState.PREPARING
    job = version.job
    return {
        "dataset": version.dataset.name,
        "version": version.version,
        "state": version.state,
        "reason": version.reason or (job.reason if job and preparing else None),
        "error": version.error,
        "format": version.format or None,
        "kind": version.kind or None,
        "features": {name: version.features[name] for name in columns_of(version)},
        "splits": {split: version.splits[split] for split in in_order(version.splits)},
        "size_bytes": version.size_bytes,
        "sha256": version.sha256,
        "options": version.options,
        "job": str(job.number) if job else None,
        "progress": job.progress if job and preparing else None,
        "created_by": version.created_by.email if version.created_by else None,
        "created_at": version.created_at,
        "ready_at": version.ready_at,
    }


def version_json(version: DatasetVersion) -> dict[str, Any]:
    """One version, whole. Its dataset, job and creator should have been selected with it."""
    line = version_line(version)
    sources = [{key: source[key] for key in ("name", "size", "sha256")} for source in version.sources]
    lineage = {"sources": sources, **{key: line[key] for key in ("options", "job", "created_by")}}
    lineage["fixed_from"] = f"{version.dataset.name}@{version.fixed_from}" if version.fixed_from else None
    return {**line, "classes": version.classes, "statistics": version.statistics, "lineage": lineage}


def columns_of(version: DatasetVersion) -> list[str]:
    """The columns in the order of the file; a database may forget the order of a JSON object's keys."""
    return [name for name in version.columns if name in version.features] or list(version.features)


def dataset_json(dataset: Dataset, versions: list[DatasetVersion], *, listed: bool) -> dict[str, Any]:
    """A dataset with its newest version. listed: in a list, without all its versions. versions: newest first."""
    ready = next((v for v in versions if v.state == VersionState.READY), None)
    shown = {
        "name": dataset.name,
        "title": dataset.title,
        "newest": version_line(versions[0]) if versions else None,
        "newest_ready": ready.version if ready else None,
        "version_count": len(versions),
        "created_by": dataset.created_by.email if dataset.created_by else None,
        "created_at": dataset.created_at,
    }
    return shown if listed else {**shown, "versions": [version_line(v) for v in versions[:100]]}
