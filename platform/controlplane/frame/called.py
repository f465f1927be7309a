"""What codes are called in the reader's language: tasks, kinds of jobs, what the audit log records. An unknown code stays as it is."""

import re
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from controlplane.frame.pages import said

TASKS: dict[str, str | Promise] = {
    "text-classification": _("Text classification"),
    "text-generation": _("Text generation"),
    "image-classification": _("Image classification"),
}
KINDS: dict[str, str | Promise] = {
    "train": _("Training"),
    "evaluate": _("Evaluation"),
    "optimize": pgettext_lazy("kind of job", "Optimise"),
    "predict": _("Batch prediction"),
    "prepare": pgettext_lazy("kind of job", "Prepare data"),
    "import": pgettext_lazy("kind of job", "Import model"),
    "serve": pgettext_lazy("kind of job", "Serve"),
}
THINGS: dict[str, str | Promise] = {
    "anonymous": _("Not signed in"),
    "apitoken": _("API token"),
    "dataset": _("Dataset"),
    "endpoint": _("Endpoint"),
    "invitation": _("Invitation"),
    "job": _("Job"),
    "membership": _("Member"),
    "member": _("Member"),
    "model": _("Model"),
    "token": _("API token"),
    "upload": _("Upload"),
    "user": _("Person"),
    "worker": _("Worker"),
    "workspace": _("Workspace"),
}
ACTIONS: dict[str, str | Promise] = {
    "dataset.add_version": _("Dataset version added"),
    "dataset.create": _("Dataset created"),
    "dataset.delete": _("Dataset deleted"),
    "dataset.version_failed": _("Dataset version failed"),
    "dataset.version_ready": _("Dataset version ready"),
    "endpoint.delete": _("Endpoint deleted"),
    "endpoint.deploy": _("Model deployed"),
    "endpoint.resume": _("Traffic resumed after a roll-back"),
    "endpoint.roll_back": _("Endpoint rolled back"),
    "endpoint.update": _("Endpoint changed"),
    "evaluate.start": _("Evaluation started"),
    "import.start": _("Model import started"),
    "invitation.accept": _("Invitation accepted"),
    "invitation.create": _("Invitation created"),
    "invitation.delete": _("Invitation revoked"),
    "invitation.resend": _("Invitation link renewed"),
    "job.cancel": _("Job stopped"),
    "job.delete": _("Job deleted"),
    "job.device": _("Job's device changed"),
    "job.move": _("Job's place in the queue changed"),
    "job.priority": _("Job's priority changed"),
    "job.resume": _("Job resumed"),
    "member.add": _("Member added"),
    "member.remove": _("Member removed"),
    "member.update": _("Member's role changed"),
    "model.bring": _("Model brought in"),
    "model.delete": _("Model deleted"),
    "model.delete_variant": _("Variant deleted"),
    "model.delete_version": _("Model version deleted"),
    "model.edit_card": _("Model card edited"),
    "model.predict": _("Batch prediction started"),
    "model.quality_limit": _("Quality limit changed"),
    "model.register": _("Model registered"),
    "model.restore_card": _("Model card restored"),
    "model.variant_ready": _("Variant ready"),
    "model.version_ready": _("Model version ready"),
    "optimize.start": _("Optimising started"),
    "person.email_add": _("Email address added"),
    "person.email_change": _("Email address changed"),
    "person.email_remove": _("Email address removed"),
    "person.join": _("Signed up"),
    "person.mfa_add": _("Second factor added"),
    "person.mfa_failed": _("Second factor wrong"),
    "person.mfa_remove": _("Second factor removed"),
    "person.mfa_reset": _("Second factor renewed"),
    "person.no_operator": _("No longer operator"),
    "person.operator": _("Made operator"),
    "person.password_change": _("Password changed"),
    "person.password_reset": _("Password reset"),
    "person.password_set": _("Password set"),
    "person.sign_in": _("Signed in"),
    "person.sign_in_failed": _("Sign-in failed"),
    "person.sign_out": _("Signed out"),
    "person.signin_link": _("Sign-in link made"),
    "predict.start": _("Batch prediction started"),
    "prepare.start": _("Preparing of data started"),
    "serve.start": _("Replica started"),
    "token.create": _("API token created"),
    "token.exposed": _("API token seen in an address"),
    "token.revoke": _("API token revoked"),
    "train.start": _("Training started"),
    "upload.create": _("Upload started"),
    "upload.delete": _("Upload removed"),
    "worker.drain": _("Worker drained"),
    "worker.join": _("Worker joined"),
    "worker.remove": _("Worker removed"),
    "worker.resume": _("Worker resumed"),
    "workspace.create": _("Workspace created"),
    "workspace.delete": _("Workspace deleted"),
    "workspace.update": _("Workspace changed"),
}
FIELDS: dict[str, str | Promise] = {  # of a request, and of the place of an error
    "balanced": _("Balanced"),
    "best": _("Best"),
    "column": _("Column"),
    "columns": _("Columns"),
    "count": _("Number of devices"),
    "device": _("Device"),
    "file": _("File"),
    "image": pgettext_lazy("kind of data", "Image"),
    "label": _("Label"),
    "line": _("Line"),
    "max_seconds": _("Time limit, seconds"),
    "nodes": _("Number of hosts"),
    "quick": _("Quick try"),
    "row": _("Row"),
    "step": _("Step"),
    "text": pgettext_lazy("kind of data", "Text"),
}
ATTEMPTS: dict[str, str | Promise] = {
    "granted": _("Granted a place"),
    "running": _("Running"),
    "ended": _("Ended"),
    "lost": _("Lost"),
}
CALLED: dict[str, Any] = {**ATTEMPTS, **FIELDS, **THINGS, **TASKS, **KINDS, **ACTIONS}
MADE_NAMES: tuple[tuple[str, str | Promise], ...] = (
    (r"Evaluate (?P<model>\S+@\d+) on (?P<data>\S+@\d+)", _("Evaluate %(model)s on %(data)s")),
    (r"Import (?P<model>\S+@\d+)", _("Import %(model)s")),
    (r"Optimise (?P<model>\S+@\d+) to (?P<variant>\S+)", _("Optimise %(model)s to %(variant)s")),
    (r"Predict (?P<data>\S+@\d+) with (?P<model>\S+@\d+)", _("Predict %(data)s with %(model)s")),
    (r"Prepare (?P<data>\S+@\d+)", _("Prepare %(data)s")),
    (r"Serve (?P<endpoint>\S+) (?P<revision>r\d+)", _("Serve %(endpoint)s %(revision)s")),
)


BROWSERS = (
    ("Edge", r"Edg\w*/(\d+)"),
    ("Opera", r"OPR/(\d+)"),
    ("Firefox", r"(?:Firefox|FxiOS)/(\d+)"),
    ("Chrome", r"(?:Chrome|CriOS)/(\d+)"),
)
SYSTEMS = (("Android", "Android"), ("iPhone", "iOS"), ("iPad", "iPadOS"), ("Windows", "Windows"), ("Mac OS", "macOS"), ("Linux", "Linux"))


def browser(agent: Any) -> str:
    """What a User-Agent stands for, such as "Firefox 140, Windows"; one that is none of the usual stays as it is."""
    text = str(agent)
    found = next((f"{name} {match[1]}" for name, pattern in BROWSERS if (match := re.search(pattern, text))), "")
    found = found or ("Safari" if "Safari/" in text else "")
    system = next((name for mark, name in SYSTEMS if mark in text), "")
    return ", ".join(filter(None, (found, system))) if found else text


def called(code: Any) -> str:
    return said(CALLED.get(str(code), code))


def made_name(name: str) -> str:
    """A name the platform gave to work of its own, in the reader's language; any other as it is."""
    for pattern, words in MADE_NAMES:
        if made := re.fullmatch(pattern, name):
            return str(words) % made.groupdict()
    return name


def job_name(job: Any) -> str:
    """A person's name for a training as it was given; the platform's for other work, in the reader's language."""
    return str(job.name) if job.kind == "train" else made_name(job.name)
