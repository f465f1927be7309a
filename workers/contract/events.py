"""What comes up: events a child appends to its run folder, and the batches a shepherd posts to the door."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from workers.contract.orders import FileRef

EventType = Literal["state", "progress", "log", "metric", "sample", "checkpoint", "error", "result", "ready"]


class Event(BaseModel):
    """One thing that happened. seq: from 1, without a gap, per attempt and rank; time: Unix seconds.

    data by type —
    log: {level: debug|info|warning|error, text} (one line) ·
    metric: {step, values: {key: float|None}} ·
    progress: {step, total_steps, epoch, eta_seconds} (any may be None) ·
    sample: {step, kind: text|image, title, prompt, output} (image: output is a data URI of at most 256 KiB) ·
    checkpoint: {step, metrics, best: bool, files: [FileRef with name, size, sha256, uri]} (posted once its files are stored) ·
    error: {code, message, hint, loc} ·
    result: {…} what the order's kind asks for: see `Result` below ·
    ready: {address, secret} of a replica · state: {state, reason} (made by the control plane only).
    """

    model_config = ConfigDict(extra="forbid")
    seq: int = Field(ge=1)
    time: float
    type: EventType
    data: dict[str, Any]


class Batch(BaseModel):
    """Events of one rank in order. A repeated batch does no harm: what has been seen is skipped by seq."""

    model_config = ConfigDict(extra="forbid")
    rank: int = 0
    events: list[Event] = Field(max_length=5000)


class Desired(BaseModel):
    """The door's word in every reply. stop: None go on, keep = polite stop keeping the newest checkpoint,
    discard = polite stop, kill = end the group now. report: seconds until the next report. acked: the highest seq stored."""

    stop: Literal["keep", "discard", "kill"] | None = None
    report: float = 2.0
    acked: int = 0


class UploadAsk(BaseModel):
    """A shepherd wants to store files of its attempt. folder: `checkpoints/<step>`, `model`, `shards`, `evaluation`, `predictions`."""

    folder: str
    files: list[FileRef]


class UploadSlot(BaseModel):
    """Where one file goes: a signed PUT link, or a path when the store is on this machine's disk (write aside, sync, rename)."""

    name: str
    uri: str
    url: str | None = None
    path: str | None = None


EndReason = Literal["succeeded", "failed", "cancelled", "lost"]


class End(BaseModel):
    """The last word of an attempt.

    outcome: lost = the child was killed from outside: worth another attempt; failed = another attempt would fail alike.
    error: {code, message, hint, loc} · peak_bytes: highest resident memory of the group ·
    result: by kind —
      prepare: {format, features: {column: type}, classes, splits: {split: rows}, shards: {split: [FileRef]}, statistics, sha256}
      train: {files: [FileRef], metrics: {key: float}, card: str, versions: {library: version}}
      import: {files: [FileRef], card: str, config: {…}}
      evaluate: {metrics, report}
      predict: {files: [FileRef], rows: int, unreadable: int, features: {column: type}}
    """

    outcome: EndReason
    error: dict[str, Any] | None = None
    result: dict[str, Any] | None = None
    peak_bytes: int | None = None
