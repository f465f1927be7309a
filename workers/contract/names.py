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
ARCHIVE_MEMBER_MAX = 4 * GiB  # one tabular file of an archive, unpacked
MEDIA_BYTES_MAX = 64 * MiB  # one image or sound
SHARD_BYTES = 128 * MiB
ROW_GROUP_ROWS = 65_536
ROW_GROUP_BYTES = 16 * MiB
JSON_ROW_MAX = 16 * MiB  # one element of a JSON array
CATEGORY_VALUES_MAX = 1000
CATEGORY_CHARS_MAX = 128
AUDIO_SECONDS_MAX = 6 * 3600
AUDIO_RATE_MAX = 384_000
AUDIO_CHANNELS_MAX = 32

# Bounds of a child that parses files of users: both grow with the bytes it is given.
PARSER_MEMORY = 1 * GiB
PARSER_CPU_SECONDS = 60
PARSER_BYTES_PER_CPU_SECOND = 2 * MiB

# Bounds of a model somebody brings.
SAFETENSORS_HEADER_MAX = 100 * MiB
CONFIG_BYTES_MAX = 16 * MiB
CONFIG_NUMBER_MAX = 10_000_000

# Bounds of a replica and of what is asked of it.
REPLICA_LOAD_SECONDS = 600.0  # to load its model, warm it and check its first answer
REPLICA_DRAIN_SECONDS = 30.0
PREDICT_INPUTS_MAX = 1024
PREDICT_TEXT_MAX = 1_000_000  # characters of one input
PREDICT_QUEUE_MAX = 256  # inputs that wait at one replica
PREDICT_STREAMS_MAX = 32  # written at once by one replica


def queue_of(worker: str) -> str:
    """The Celery queue of one worker host."""
    return f"worker.{worker}"
