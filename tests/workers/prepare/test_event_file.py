"""The event file: one line each, in order, whole after a crash and through a full disk."""

import errno
import json
import os

import pytest

from workers.contract.events import Event
from workers.contract.names import LOG_LINE_MAX
from workers.events import EventWriter


def lines(folder) -> list[Event]:
    return [Event.model_validate_json(line) for line in (folder / "events.jsonl").read_text().splitlines()]


def test_events_are_numbered_and_go_on(tmp_path):
    EventWriter(tmp_path).log("one\ntwo")
    EventWriter(tmp_path).emit("metric", {"step": 1, "values": {"loss": float("nan")}})
    assert [event.seq for event in lines(tmp_path)] == [1, 2, 3]
    assert lines(tmp_path)[-1].data == {"step": 1, "values": {"loss": None}}


@pytest.mark.parametrize("torn", [b'{"seq": 3, "ti', b"x" * 200_000])
def test_a_torn_line_is_cut_off(tmp_path, torn):
    writer = EventWriter(tmp_path)
    writer.log("a" * 100_000)
    writer.log("b")
    with open(tmp_path / "events.jsonl", "ab") as file:
        file.write(torn)
    EventWriter(tmp_path).log("c")
    assert [event.seq for event in lines(tmp_path)] == [1, 2, 3]


def test_long_lines_are_cut_between_characters(tmp_path):
    EventWriter(tmp_path).log("长" * LOG_LINE_MAX)
    text = lines(tmp_path)[0].data["text"]
    assert LOG_LINE_MAX - 3 < len(text.encode()) <= LOG_LINE_MAX


def test_F15_full_disk_drops_logs_and_says_so(tmp_path, monkeypatch):
    writer = EventWriter(tmp_path)
    writer.log("before")
    real = os.pwrite

    def full(file: int, data: bytes, offset: int) -> int:
        real(file, data[:5], offset)
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "pwrite", full)
    assert writer.emit("log", {"level": "info", "text": "lost"}) == 0
    with pytest.raises(OSError, match="full"):
        writer.emit("checkpoint", {"step": 1})
    monkeypatch.undo()
    writer.log("after")
    texts = [event.data["text"] for event in lines(tmp_path)]
    assert texts[0] == "before"
    assert "dropped: disk full" in texts[1]
    assert texts[2] == "after"
    assert json.loads((tmp_path / "events.jsonl").read_text().splitlines()[-1])["seq"] == 3
