"""The order a worker claims: everything a child may know. It holds no secret but short-lived signed links.

An order is built by the control plane with storage URIs; `url` and `path` are filled in at claim and renewed at the door.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from workers.contract.names import CONTRACT_VERSION
from workers.contract.recipe import Variant

Device = Literal["cpu", "cuda"]
Network = Literal["none", "gang", "listen", "hub"]
Hub = Literal["huggingface", "mirror", "modelscope"]
Kind = Literal["prepare", "import", "train", "evaluate", "optimize", "predict", "serve"]


class Part(BaseModel):
    """Strict by default: an unknown field is a mistake on one side of the contract."""

    model_config = ConfigDict(extra="forbid")


class FileRef(Part):
    """One stored file.

    name: relative POSIX path inside its folder, made by the server · size: bytes · sha256: hex, of the stored bytes ·
    uri: the control plane's key · url: signed GET link · path: the same bytes on this machine's disk, if it is the same machine.
    """

    name: str
    uri: str
    size: int = 0
    sha256: str = ""
    url: str | None = None
    path: str | None = None


class Resources(Part):
    """What a job asks of a host. memory_bytes: limit of the child's resident memory; None = the host's share."""

    device: Device = "cpu"
    count: int = Field(default=1, ge=1, le=64)
    nodes: int = Field(default=1, ge=1, le=64)
    max_seconds: int | None = Field(default=None, ge=1, le=30 * 86400)
    memory_bytes: int | None = Field(default=None, ge=64 * 1024 * 1024, le=2**50)


class DatasetRef(Part):
    """A ready dataset version. features: column -> type (`text category integer number boolean timestamp image audio list`
    …); classes: column -> category names in order; splits: split -> Parquet shards in row order; rows: split -> count."""

    name: str
    version: int
    features: dict[str, str]
    classes: dict[str, list[str]] = {}
    splits: dict[str, list[FileRef]]
    rows: dict[str, int]


class ModelRef(Part):
    """A folder in Hugging Face layout: stored files, or the id of a catalogue model this worker's packages carry, or a hub id."""

    name: str
    version: int | None = None
    files: list[FileRef] = []
    catalog: str | None = None
    hub_id: str | None = None


class CheckpointRef(Part):
    """A stored checkpoint to go on from."""

    step: int
    files: list[FileRef]


class PrepareWork(Part):
    """Read user files into typed Parquet shards. options: as `api.md` gives them, all guessed when absent."""

    kind: Literal["prepare"] = "prepare"
    files: list[FileRef]
    options: dict[str, Any] = {}


class ImportWork(Part):
    """Check a model a user brings: one archive, or a hub id and where it is fetched from, into a folder without pickle."""

    kind: Literal["import"] = "import"
    task: str
    files: list[FileRef] = []
    hub_id: str | None = None
    hub: Hub = "huggingface"


class TrainWork(Part):
    """Train a recipe. columns: recipe role -> dataset column; params: complete, already validated by the recipe's spec.

    fallback: older checkpoints, newest first, for when the bytes of `resume` turn out to be damaged · best: the best so far, when it
    is another one than `resume`.
    """

    kind: Literal["train"] = "train"
    recipe: str
    params: dict[str, Any]
    columns: dict[str, str]
    dataset: DatasetRef
    base_model: ModelRef | None = None
    resume: CheckpointRef | None = None
    fallback: list[CheckpointRef] = []
    best: CheckpointRef | None = None


class EvaluateWork(Part):
    """Measure a model version on one split of a dataset version."""

    kind: Literal["evaluate"] = "evaluate"
    recipe: str
    columns: dict[str, str]
    dataset: DatasetRef
    split: str
    model: ModelRef


class OptimizeWork(Part):
    """Make a variant of a model version, and measure both on one split. variant: one of those the recipe's spec offers."""

    kind: Literal["optimize"] = "optimize"
    recipe: str
    columns: dict[str, str]
    dataset: DatasetRef
    split: str
    model: ModelRef
    variant: Variant


class PredictWork(Part):
    """Ask a model version about every row of one split. columns: recipe role -> dataset column; parameters: of every request."""

    kind: Literal["predict"] = "predict"
    recipe: str
    columns: dict[str, str]
    dataset: DatasetRef
    split: str
    model: ModelRef
    parameters: dict[str, Any] = {}


class ServeWork(Part):
    """Load a model once and answer many. replica: the control plane's id; example: a request to warm up and check with."""

    kind: Literal["serve"] = "serve"
    recipe: str
    model: ModelRef
    replica: str
    example: dict[str, Any] | None = None
    batch_tokens: int = 4096
    max_queue: int = 256


Work = Annotated[PrepareWork | ImportWork | TrainWork | EvaluateWork | OptimizeWork | PredictWork | ServeWork, Field(discriminator="kind")]


class Order(Part):
    """One rank of one attempt of one job."""

    contract: int = CONTRACT_VERSION
    workspace: str
    job: str
    attempt: int
    rank: int = 0
    world: int = 1
    device: str = "cpu"
    threads: int = 1
    resources: Resources = Resources()
    network: Network = "none"
    work: Work


class Claimed(Part):
    """The door's answer to a claim. token: this attempt's secret, held by the shepherd alone; lease: seconds."""

    order: Order
    token: str
    lease: float
