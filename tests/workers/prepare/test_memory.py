"""Memory stays flat: 200 MB in, a few hundred megabytes of process whatever the format."""

import pytest

from tests.workers.prepare.conftest import alone

MIB = 2**20


@pytest.fixture(scope="module")
def big(tmp_path_factory):
    """A CSV of 200 MB: long texts, a label, figures."""
    path = tmp_path_factory.mktemp("big") / "big.csv"
    texts = [f"{'the plot was nice and the actors were not ' * 10}{n}" for n in range(50)]
    block = "".join(f"{i},{texts[i % 50]} {i},{'abc'[i % 3]},{i / 7:.4f}\n" for i in range(4000)).encode()
    with path.open("wb") as file:
        file.write(b"id,review,label,score\n")
        while file.tell() < 200_000_000:
            file.write(block)
    return path


def test_200_mb_of_csv_in_flat_memory(door, big):
    outcome = alone(door.order({"kind": "prepare"}, {"big.csv": big}))
    assert outcome.status == 0, outcome.error
    assert sum(outcome.result["splits"].values()) == outcome.result["statistics"]["rows"] > 400_000
    assert outcome.peak < 400 * MIB
    assert [event for event in outcome.events if event["type"] == "progress"]


def test_json_in_flat_memory(prepare, tmp_path):
    row = '{"text": "' + "the plot was nice " * 30 + '%d", "label": "%s", "tags": [1, 2]}'
    path = tmp_path / "a.jsonl"
    with path.open("w") as file:
        for i in range(30_000):
            file.write(row % (i, "ab"[i % 2]) + "\n")
    assert prepare({"a.jsonl": path}).peak < 350 * MIB
    whole = tmp_path / "a.json"
    whole.write_text("[" + ",".join(path.read_text().splitlines()) + "]")
    outcome = prepare({"a.json": whole})
    assert outcome.peak < 350 * MIB
    assert sum(outcome.result["splits"].values()) == 30_000
