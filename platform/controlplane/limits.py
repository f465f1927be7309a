"""Every named limit of the product, in one place: shown at `GET /api/v1/limits`, in the docs and in the errors."""

from typing import NamedTuple

from django.utils.translation import gettext_noop as _

from workers.contract import names
from workers.contract.names import GiB, MiB

DAY = 86_400


class Limit(NamedTuple):
    """unit, about: in English, as the API says them; marked, so that pages can say them in the reader's language."""

    value: int | float
    unit: str
    about: str


LIMITS: dict[str, Limit] = {
    "json_body": Limit(4 * MiB, _("bytes"), _("A JSON body of the management API")),
    "form_file": Limit(16 * MiB, _("bytes"), _("A file sent with a form instead of a resumable upload")),
    "form_body": Limit(17 * MiB, _("bytes"), _("A form with its file")),
    "event_batch_body": Limit(32 * MiB, _("bytes"), _("What a worker host reports at once")),
    "predict_body": Limit(32 * MiB, _("bytes"), _("The body of a prediction request, unpacked")),
    "predict_inputs": Limit(names.PREDICT_INPUTS_MAX, _("inputs"), _("Inputs of one prediction request")),
    "predict_text": Limit(names.PREDICT_TEXT_MAX, _("characters"), _("One text to be predicted")),
    "predict_seconds": Limit(60, _("seconds"), _("How long a prediction, or the next piece of a stream, is waited for")),
    "predict_queue": Limit(names.PREDICT_QUEUE_MAX, _("inputs"), _("Inputs that wait at one replica; more are told to come again")),
    "predict_streams": Limit(names.PREDICT_STREAMS_MAX, _("streams"), _("Token streams one replica writes at once; more wait")),
    "predict_busy": Limit(1024, _("requests"), _("Requests on the way to one replica from one web process")),
    "predict_requests_per_minute": Limit(
        600_000, _("requests"), _("Requests of one token to one endpoint, unless the endpoint allows less")
    ),
    "predict_prompts": Limit(128, _("prompts"), _("Prompts of one completion request")),
    "predict_messages": Limit(1000, _("messages"), _("Messages of one chat request")),
    "predict_tokens": Limit(100_000, _("tokens"), _("Tokens asked for in one completion or chat request")),
    "replica_load_seconds": Limit(names.REPLICA_LOAD_SECONDS, _("seconds"), _("How long a replica may take to load and check its model")),
    "replica_drain_seconds": Limit(names.REPLICA_DRAIN_SECONDS, _("seconds"), _("How long a replica that is let go finishes what it has")),
    "upload_file": Limit(100 * GiB, _("bytes"), _("One uploaded file")),
    "upload_seconds": Limit(DAY, _("seconds"), _("How long an unfinished upload is kept")),
    "workspace_storage": Limit(500 * GiB, _("bytes"), _("What all files of a workspace may take")),
    "page": Limit(200, _("items"), _("Items of one page of a list")),
    "page_default": Limit(50, _("items"), _("Items of a page when `limit` is left out")),
    "query_length": Limit(200, _("characters"), _("A search")),
    "wait": Limit(30, _("seconds"), _("How long `?wait=` holds an answer")),
    "idempotency_key": Limit(255, _("characters"), _("An Idempotency-Key")),
    "idempotency_seconds": Limit(DAY, _("seconds"), _("How long a first answer is kept under its Idempotency-Key")),
    "slug": Limit(63, _("characters"), _("A name in addresses")),
    "title": Limit(200, _("characters"), _("A title")),
    "workspaces_per_user": Limit(100, _("workspaces"), _("Workspaces one person may own")),
    "members_per_workspace": Limit(1000, _("members"), _("Members and open invitations of a workspace")),
    "tokens_per_user": Limit(200, _("API tokens"), _("API tokens of one person")),
    "notification_seconds": Limit(90 * DAY, _("seconds"), _("How long news stays in the inbox")),
    "usage_minute_seconds": Limit(
        8 * DAY, _("seconds"), _("How long the use of an endpoint is kept minute by minute; hour by hour it is kept with the endpoint")
    ),
    "invitation_seconds": Limit(7 * DAY, _("seconds"), _("How long an invitation link works")),
    "signin_link_seconds": Limit(900, _("seconds"), _("How long a one-time sign-in link works")),
    "sockets_per_user": Limit(200, _("sockets"), _("Open websockets of one person on one web process")),
    "socket_frame": Limit(1 * MiB, _("bytes"), _("A websocket frame sent to the server")),
    "socket_frames_per_second": Limit(20, _("frames"), _("Websocket frames sent to the server")),
    "socket_send_seconds": Limit(10, _("seconds"), _("How long a slow reader of a websocket is waited for")),
    "json_depth": Limit(names.JSON_DEPTH_MAX, _("levels"), _("Nesting of JSON data")),
    "line": Limit(names.LINE_MAX, _("bytes"), _("One line of a data file")),
    "columns": Limit(names.COLUMNS_MAX, _("columns"), _("Columns of a dataset")),
    "log_line": Limit(names.LOG_LINE_MAX, _("bytes"), _("One line of a job's log")),
    "archive_entries": Limit(names.ARCHIVE_ENTRIES_MAX, _("files"), _("Files of an archive")),
    "archive_ratio": Limit(names.ARCHIVE_RATIO_MAX, _("times"), _("Unpacked to packed size of an archive")),
    "archive_unpacked": Limit(names.ARCHIVE_UNPACKED_MAX, _("bytes"), _("What an archive may hold")),
    "image_pixels": Limit(names.IMAGE_PIXELS_MAX, _("pixels"), _("One image")),
    "image_frames": Limit(names.IMAGE_FRAMES_MAX, _("frames"), _("Frames of an animated image")),
}


def limit(name: str) -> int:
    """The value of a named limit."""
    return int(LIMITS[name].value)


SIGNIN_LINK_SECONDS = limit("signin_link_seconds")
INVITATION_SECONDS = limit("invitation_seconds")
