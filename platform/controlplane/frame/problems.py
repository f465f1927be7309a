"""What an error code says, in the reader's language. The words that came with the error name the place and follow it."""

from typing import Any

from django.utils.functional import Promise
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

CODES: dict[str, str | Promise] = {
    "already_invited": _("There is an open invitation for this address."),
    "already_member": _("This person is a member already."),
    "bad_email": _("This is not an email address."),
    "bad_encoding": _("The text has bytes its encoding does not allow; choose the encoding."),
    "bad_hub_id": _("A hub id reads owner/name."),
    "bad_json": _("A part of the file is not JSON."),
    "bad_name": _("A name may hold a-z, 0-9 and, inside, hyphens."),
    "bad_number": _("A figure cannot be read."),
    "bad_replicas": _("The number of replicas is out of range."),
    "bad_row": _("A row has more or fewer fields than the others."),
    "bad_split": _("The split cannot be made this way."),
    "bad_traffic": _("The shares of traffic do not add up to 100."),
    "bad_value": _("A value does not fit its column."),
    "base_model_not_ready": _("The base model is not ready yet."),
    "base_model_required": _("This task needs a base model."),
    "binary_in_text": _("There are binary bytes in a text file."),
    "cancelled": _("Somebody stopped it."),
    "class_too_small": _("A class has too few rows."),
    "columns": _("The columns do not fit the task; choose them."),
    "content_mismatch": _("A file is not what its name says."),
    "crashed": _("The process ended unexpectedly; the log says more."),
    "damaged_file": _("A file is damaged."),
    "dataset_not_ready": _("The dataset is not ready yet."),
    "disk_full": _("The disk is full."),
    "diverged": _("Training diverged: the loss is no number any more."),
    "duplicate_column": _("Two columns have the same name."),
    "duplicate_key": _("A key comes twice."),
    "empty_file": _("A file is empty."),
    "empty_split": _("A split has no rows."),
    "encrypted_archive": _("The archive is encrypted."),
    "forbidden_key": _("The configuration holds a setting that is not allowed."),
    "hub_unreachable": _("The hub cannot be reached from the worker."),
    "image_too_big": _("A picture has too many pixels."),
    "in_use": _("It is still in use."),
    "invalid_params": _("Some settings are out of range."),
    "invisible_name": _("A name needs visible characters and no control characters."),
    "job_ended": _("The job has ended already."),
    "label_type": _("This column cannot be a label."),
    "last_owner": _("A workspace always has an owner."),
    "limit_exceeded": _("A limit is reached."),
    "line_too_long": _("A line is too long."),
    "load_failed": _("The model could not be loaded."),
    "mixed_files": _("The files do not belong together."),
    "model_gone": _("The model was deleted."),
    "model_not_ready": _("The model is not ready yet."),
    "name_collision": _("Two files would have the same name."),
    "name_taken": _("The name is taken."),
    "name_too_long": _("The name is too long."),
    "nested_archive": _("An archive lies inside an archive."),
    "no_base_model": _("This task takes no base model."),
    "no_labels": _("No row has a label."),
    "no_rows": _("There are no rows."),
    "no_such_device": _("No worker has such a device."),
    "not_found": _("It does not exist here."),
    "not_registrable": _("This checkpoint cannot become a model."),
    "not_resumable": _("Only failed or stopped jobs can be resumed."),
    "one_archive": _("A model is brought as one archive."),
    "one_class": _("The label has only one class."),
    "one_device_only": _("This task trains on one device."),
    "one_source": _("Give either an archive or a hub id."),
    "other_task": _("The model is for another task."),
    "out_of_memory": _("There was not enough memory."),
    "quota_exceeded": _("The workspace's storage is full."),
    "rate_limited": _("Too many requests; wait a moment."),
    "restarting": _("A replica is starting again."),
    "role_too_small": _("Your role is too small for this."),
    "schema_mismatch": _("The files have different columns."),
    "too_deep": _("The data is nested too deeply."),
    "too_large": _("It is too large."),
    "too_large_unpacked": _("Unpacked, the archive would be too large."),
    "too_many_categories": _("A column has too many categories."),
    "too_many_columns": _("There are too many columns."),
    "too_many_files": _("There are too many files."),
    "too_slow": _("This took too long."),
    "unknown_base_model": _("There is no such base model."),
    "unknown_column": _("There is no such column."),
    "unknown_dataset": _("There is no such dataset."),
    "unknown_model": _("There is no such model."),
    "unknown_upload": _("An upload is unfinished or gone; upload the file again."),
    "unnamed_column": _("A column has no name."),
    "unsafe_format": _("A file format is not accepted for safety."),
    "unsafe_path": _("The archive holds an unsafe path."),
    "unsupported_format": _("This file format cannot be read."),
    "will_not_fit": _("It does not fit into any worker's memory."),
    "worker_gone": _("The worker is gone."),
    "worker_lost": _("The worker was lost while it worked."),
    "wrong_architecture": _("This kind of model cannot be used here."),
    "wrong_device": _("This task does not run on that device."),
    "wrong_format": _("This task cannot read this kind of dataset."),
}


def summary(code: Any) -> str:
    """The code's sentence where the words that came with it are in another language; empty in English, which they are in."""
    if (get_language() or "en").startswith("en"):
        return ""
    return str(CODES.get(str(code), ""))


def told(code: Any, detail: Any) -> str:
    """The sentence of the reader's language first, then the exact words."""
    return " ".join(filter(None, (summary(code), str(detail))))
