"""Growing files read in pieces: whole lines, each once, bounded, whatever a child prints."""

import json
from pathlib import Path

from workers.contract.names import LOG_LINE_MAX
from workers.tail import EventTail, LogTail, level_of


def all_texts(tail: LogTail) -> list[str]:
    return [data["text"] for _, _, data in tail.read()]


def test_lines_come_once_and_whole(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    path.touch()
    tail = LogTail(path)
    with open(path, "ab", buffering=0) as file:
        file.write(b"one\ntw")
        assert all_texts(tail) == ["one"]
        assert all_texts(tail) == []
        file.write("o\n三\n".encode())
        assert all_texts(tail) == ["two", "三"]
        file.write(b"unfinished")
        assert all_texts(tail) == []
        assert [data["text"] for _, _, data in tail.read(last=True)] == ["unfinished"]


def test_a_progress_bar_keeps_its_last_state(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    path.write_bytes(b"".join(b"\r%3d%%" % part for part in range(101)) + b"\nnext\r\n")
    assert all_texts(LogTail(path)) == ["100%", "next"]


def test_long_lines_are_cut_and_memory_stays(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    path.write_bytes(b"x" * 5_000_000 + b"\nshort\n")
    tail, texts = LogTail(path), []
    for _ in range(10):
        texts += all_texts(tail)
    assert [len(text) for text in texts] == [LOG_LINE_MAX, 5]


def test_bytes_that_are_no_text_are_shown(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    path.write_bytes(b"a\xff\x00b\n")
    assert all_texts(LogTail(path)) == ["a\ufffd\ufffdb"]


def test_levels_are_read_from_the_line() -> None:
    assert level_of("Traceback (most recent call last):") == "error"
    assert level_of("ValueError: no") == "error"
    assert level_of("FutureWarning: soon") == "warning"
    assert level_of("2026 WARNING x") == "warning"
    assert level_of("the error rate is 0.1") == "info"


def test_an_event_that_cannot_be_read_is_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    good = {"seq": 1, "time": 1.0, "type": "metric", "data": {"step": 1, "values": {}}}
    lines = [json.dumps(good), "{broken", json.dumps({**good, "type": "state"}), json.dumps({**good, "data": 3})]
    path.write_text("\n".join(lines) + '\n{"half')
    tail = EventTail(path)
    kinds = [(kind, data.get("level")) for _, kind, data in tail.read()]
    assert kinds == [("metric", None), ("log", "warning"), ("log", "warning"), ("log", "warning")]
    assert tail.read(last=True) == []
