"""The one filter that keeps secrets out of the log: tokens, Authorization and cookies, passwords, signed links."""

import logging
import re

_RULES = (
    (re.compile(r"slw_[A-Za-z0-9_-]{6,}"), "slw_***"),
    (re.compile(r"(?i)(authorization|cookie|x-csrftoken)(['\"]?\s*[:=]\s*['\"]?)(?:bearer\s+|basic\s+)?[^\s'\",}]+"), r"\1\2***"),
    (re.compile(r"(?i)(bearer\s+)[A-Za-z0-9._~+/=-]{8,}"), r"\1***"),
    (re.compile(r"(?i)(password|passwd|secret|api_?key|token|signature)(['\"]?\s*[:=]\s*['\"]?)[^\s'\",&}]+"), r"\1\2***"),
    (re.compile(r"(/files/|/signin/|/invitations/)[A-Za-z0-9._~=-]{12,}"), r"\1***"),
    (re.compile(r"://([^:/@\s]*):[^@/\s]+@"), r"://\1:***@"),
)


def redact(text: str) -> str:
    """`text` without what must not be read by whoever reads logs."""
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text


class Redact(logging.Filter):
    """Rewrites each record in place: its message and its traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = redact(record.getMessage()), None
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = redact(record.exc_text)
        return True
