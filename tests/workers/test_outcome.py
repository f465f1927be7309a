"""How a child ended, and what is said of it."""

import signal

import pytest

from workers.outcome import Ending, judge


@pytest.mark.parametrize(
    ("ending", "outcome", "code"),
    [
        (Ending("train", 0), "succeeded", None),
        (Ending("train", 0, stop="keep"), "cancelled", None),
        (Ending("train", -9, stop="kill", killed_by_us="stop"), "cancelled", None),
        (Ending("train", -9), "lost", "lost"),
        (Ending("train", -15), "lost", "lost"),
        (Ending("train", -9, kernel_oom=True), "failed", "out_of_memory"),
        (Ending("train", -9, killed_by_us="memory"), "failed", "out_of_memory"),
        (Ending("train", -9, killed_by_us="timeout", max_seconds=3), "failed", "timeout"),
        (Ending("train", 1, error={"code": "out_of_memory", "message": "CUDA out of memory"}), "failed", "out_of_memory"),
        (Ending("train", -signal.SIGSEGV), "failed", "crashed"),
        (Ending("train", 3, error={"code": "bad_label", "message": "x"}), "failed", "bad_label"),
        (Ending("train", 2), "failed", "crashed"),
        (Ending("train", -signal.SIGABRT), "failed", "crashed"),
        (Ending("train", -signal.SIGABRT, last_words="memory allocation of 400 bytes failed"), "failed", "out_of_memory"),
        (Ending("prepare", -signal.SIGSEGV), "failed", "damaged_file"),
        (Ending("prepare", -signal.SIGXCPU), "failed", "damaged_file"),
        (Ending("prepare", -9, killed_by_us="memory"), "failed", "damaged_file"),
        (Ending("prepare", 1, error={"code": "out_of_memory", "message": "x"}), "failed", "damaged_file"),
        (Ending("prepare", -9), "lost", "lost"),
    ],
)
def test_F16_every_end_has_its_name(ending: Ending, outcome: str, code: str | None) -> None:
    end = judge(ending)
    assert end.outcome == outcome
    assert (end.error or {}).get("code") == code


def test_out_of_memory_tells_peak_limit_and_remedy() -> None:
    end = judge(Ending("train", -9, killed_by_us="memory", peak_bytes=700 << 20, limit_bytes=512 << 20))
    assert end.error
    assert "700 MiB" in end.error["message"]
    assert "512 MiB" in end.error["message"]
    assert "smaller batch size" in end.error["hint"]
