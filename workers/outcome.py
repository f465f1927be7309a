"""From how a child ended to the last word of its attempt. Pure: everything it judges by is in `Ending`."""

import signal
from dataclasses import dataclass
from typing import Any

from workers.contract.events import End
from workers.contract.names import REPLICA_LOAD_SECONDS, MiB

OOM_HINT = "Use a smaller batch size, a shorter maximum length or a smaller model, or give the job more memory."
USER_ERROR_STATUS = 3
PARSES_USER_BYTES = frozenset({"prepare", "import"})


OOM_WORDS = ("out of memory", "can't allocate memory", "cannot allocate memory", "bad_alloc", "memory allocation of ", "memoryerror")


def says_out_of_memory(text: str) -> bool:
    """Whether these are the words of Python, torch, C++, Rust or CUDA for it."""
    lower = text.lower()
    return any(words in lower for words in OOM_WORDS)


@dataclass
class Ending:
    """status: exit status, or minus the signal · killed_by_us: why we killed it, if we did · last_words: the end of its log."""

    kind: str
    status: int
    stop: str | None = None
    killed_by_us: str | None = None  # memory | timeout | loading | stop | disk
    kernel_oom: bool = False
    peak_bytes: int = 0
    limit_bytes: int = 0
    max_seconds: int | None = None
    error: dict[str, Any] | None = None
    last_words: str = ""


def error(code: str, message: str, hint: str = "", loc: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"code": code, "message": message, "hint": hint, "loc": loc or {}}


def judge(ending: Ending) -> End:
    """succeeded is only a proposal: the result still has to be stored."""
    if ending.stop:
        return _end(ending, "cancelled", None)
    if ending.killed_by_us == "timeout":
        hint = "Raise max_seconds, or resume from the newest checkpoint."
        return _end(ending, "failed", error("timeout", f"stopped after {ending.max_seconds} seconds, as resources.max_seconds says", hint))
    if ending.killed_by_us == "loading":
        hint = "See its job's log for how far it came; bring a smaller model, or add a faster host."
        message = f"the model was not loaded, warm and checked within {REPLICA_LOAD_SECONDS:.0f} seconds"
        return _end(ending, "failed", error("load_timeout", message, hint))
    if _out_of_memory(ending):
        return _end(ending, "failed", _memory_error(ending))
    if ending.status == 0:
        return _end(ending, "succeeded", None)
    if ending.error:
        return _end(ending, "failed", ending.error)
    if ending.status < 0:
        return _by_signal(ending)
    return _end(ending, "failed", error("crashed", f"the process ended with status {ending.status} and said nothing"))


def _out_of_memory(ending: Ending) -> bool:
    said = (ending.error or {}).get("code") == "out_of_memory"
    aborted = ending.status == -signal.SIGABRT and says_out_of_memory(ending.last_words)
    return said or aborted or ending.killed_by_us == "memory" or (ending.status == -signal.SIGKILL and ending.kernel_oom)


def _memory_error(ending: Ending) -> dict[str, Any]:
    peak, limit = ending.peak_bytes // MiB, ending.limit_bytes // MiB
    if ending.kind in PARSES_USER_BYTES:
        hint = "Check the file with the program that wrote it, or split it into several smaller files."
        return error("damaged_file", f"the file claims more than can be read: {peak} MiB used, {limit} MiB allowed", hint)
    return error("out_of_memory", f"out of memory: peak {peak} MiB, limit {limit} MiB", OOM_HINT)


def _by_signal(ending: Ending) -> End:
    """SIGKILL and SIGTERM come from outside, and another attempt may go well; a fault of its own would come again."""
    name = signal.Signals(-ending.status).name
    if ending.status in (-signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP):
        return _end(ending, "lost", error("lost", f"the process was ended from outside ({name})"))
    if ending.kind in PARSES_USER_BYTES:
        hint = "Check the file with the program that wrote it and upload it again."
        return _end(ending, "failed", error("damaged_file", f"reading the file broke the reader ({name}): the file is damaged", hint))
    return _end(ending, "failed", error("crashed", f"the process was ended by {name}; the log's last lines may say why"))


def _end(ending: Ending, outcome: Any, problem: dict[str, Any] | None) -> End:
    return End(outcome=outcome, error=problem, peak_bytes=ending.peak_bytes or None)
