"""Every named limit of the product, in one place: shown at `GET /api/v1/limits`, in the docs and in the errors."""

from typing import NamedTuple

from workers.contract import names
from workers.contract.names import GiB, MiB

DAY = 86_400


class Limit(NamedTuple):
    value: int | float
    unit: str
    about: str


LIMITS: dict[str, Limit] = {
    "json_body": Limit(4 * MiB, "bytes", "A JSON body of the management API"),
    "form_file": Limit(16 * MiB, "bytes", "A file sent with a form instead of a resumable upload"),
    "form_body": Limit(17 * MiB, "bytes", "A form with its file"),
    "event_batch_body": Limit(32 * MiB, "bytes", "What a worker host reports at once"),
    "predict_body": Limit(32 * MiB, "bytes", "The body of a prediction request, unpacked"),
    "predict_inputs": Limit(names.PREDICT_INPUTS_MAX, "inputs", "Inputs of one prediction request"),
    "predict_text": Limit(names.PREDICT_TEXT_MAX, "characters", "One text to be predicted"),
    "predict_seconds": Limit(60, "seconds", "How long a prediction, or the next piece of a stream, is waited for"),
    "predict_queue": Limit(names.PREDICT_QUEUE_MAX, "inputs", "Inputs that wait at one replica; more are told to come again"),
    "predict_streams": Limit(names.PREDICT_STREAMS_MAX, "streams", "Token streams one replica writes at once; more wait"),
    "predict_busy": Limit(1024, "requests", "Requests on the way to one replica from one web process"),
    "predict_requests_per_minute": Limit(600_000, "requests", "Requests of one token to one endpoint, unless the endpoint allows less"),
    "predict_prompts": Limit(128, "prompts", "Prompts of one completion request"),
    "predict_messages": Limit(1000, "messages", "Messages of one chat request"),
    "predict_tokens": Limit(100_000, "tokens", "Tokens asked for in one completion or chat request"),
    "replica_load_seconds": Limit(names.REPLICA_LOAD_SECONDS, "seconds", "How long a replica may take to load and check its model"),
    "replica_drain_seconds": Limit(names.REPLICA_DRAIN_SECONDS, "seconds", "How long a replica that is let go finishes what it has"),
    "upload_file": Limit(100 * GiB, "bytes", "One uploaded file"),
    "upload_seconds": Limit(DAY, "seconds", "How long an unfinished upload is kept"),
    "workspace_storage": Limit(500 * GiB, "bytes", "What all files of a workspace may take"),
    "page": Limit(200, "items", "Items of one page of a list"),
    "page_default": Limit(50, "items", "Items of a page when `limit` is left out"),
    "query_length": Limit(200, "characters", "A search"),
    "wait": Limit(30, "seconds", "How long `?wait=` holds an answer"),
    "idempotency_key": Limit(255, "characters", "An Idempotency-Key"),
    "idempotency_seconds": Limit(DAY, "seconds", "How long a first answer is kept under its Idempotency-Key"),
    "slug": Limit(63, "characters", "A name in addresses"),
    "title": Limit(200, "characters", "A title"),
    "workspaces_per_user": Limit(100, "workspaces", "Workspaces one person may own"),
    "members_per_workspace": Limit(1000, "members", "Members and open invitations of a workspace"),
    "tokens_per_user": Limit(200, "tokens", "API tokens of one person"),
    "notification_seconds": Limit(90 * DAY, "seconds", "How long news stays in the inbox"),
    "invitation_seconds": Limit(7 * DAY, "seconds", "How long an invitation link works"),
    "signin_link_seconds": Limit(900, "seconds", "How long a one-time sign-in link works"),
    "sockets_per_user": Limit(200, "sockets", "Open websockets of one person on one web process"),
    "socket_frame": Limit(1 * MiB, "bytes", "A websocket frame sent to the server"),
    "socket_frames_per_second": Limit(20, "frames", "Websocket frames sent to the server"),
    "socket_send_seconds": Limit(10, "seconds", "How long a slow reader of a websocket is waited for"),
    "json_depth": Limit(names.JSON_DEPTH_MAX, "levels", "Nesting of JSON data"),
    "line": Limit(names.LINE_MAX, "bytes", "One line of a data file"),
    "columns": Limit(names.COLUMNS_MAX, "columns", "Columns of a dataset"),
    "log_line": Limit(names.LOG_LINE_MAX, "bytes", "One line of a job's log"),
    "archive_entries": Limit(names.ARCHIVE_ENTRIES_MAX, "files", "Files of an archive"),
    "archive_ratio": Limit(names.ARCHIVE_RATIO_MAX, "times", "Unpacked to packed size of an archive"),
    "archive_unpacked": Limit(names.ARCHIVE_UNPACKED_MAX, "bytes", "What an archive may hold"),
    "image_pixels": Limit(names.IMAGE_PIXELS_MAX, "pixels", "One image"),
    "image_frames": Limit(names.IMAGE_FRAMES_MAX, "frames", "Frames of an animated image"),
}


def limit(name: str) -> int:
    """The value of a named limit."""
    return int(LIMITS[name].value)


SIGNIN_LINK_SECONDS = limit("signin_link_seconds")
INVITATION_SECONDS = limit("invitation_seconds")
