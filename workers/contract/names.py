"""Names and limits both planes share."""

CONTRACT_VERSION = 1
ACCEPTED_CONTRACTS = (0, 1)  # N and N-1

SLUG = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"

MiB = 1024 * 1024
GiB = 1024 * MiB

# Timing of the movement, seconds. By the database's clock on one side, the monotonic clock on the other.
HEARTBEAT_SECONDS = 3.0
LEASE_SECONDS = 15.0
RESEND_SECONDS = 10.0
REPORT_IDLE_SECONDS = 2.0
REPORT_WATCHED_SECONDS = 0.1
POLITE_STOP_SECONDS = 20.0
INFRASTRUCTURE_RESTARTS = 3

# Bounds of what a child may say.
LOG_LINE_MAX = 16 * 1024
EVENT_BATCH_MAX = 1 * MiB
EVENT_BATCH_COUNT = 5000

# Bounds of what a user may bring.
LINE_MAX = 1 * MiB
COLUMNS_MAX = 4096
JSON_DEPTH_MAX = 64
ARCHIVE_ENTRIES_MAX = 100_000
ARCHIVE_RATIO_MAX = 100
ARCHIVE_UNPACKED_MAX = 20 * GiB
IMAGE_PIXELS_MAX = 64_000_000
IMAGE_FRAMES_MAX = 1000
SHARD_BYTES = 128 * MiB


def queue_of(worker: str) -> str:
    """The Celery queue of one worker host."""
    return f"worker.{worker}"
