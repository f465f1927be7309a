"""Rows of ready versions: order, filters, search, values, media, exports; and what a reader may not do."""

import csv
import io
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import duckdb
import pytest
from controlplane.data import preview, reader
from controlplane.data.models import DatasetVersion

from tests.controlplane.data.conftest import Person, make_ready, new_version, parquet

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20
TABLE = """
SELECT i AS n, CASE WHEN i % 7 = 3 THEN NULL ELSE 'text ' || i || CASE WHEN i % 2 = 0 THEN ' Good 很好' ELSE ' bad' END END AS text,
       CASE WHEN i % 2 = 0 THEN 'pos' ELSE 'neg' END AS label, i / 4.0 AS score, i % 2 = 0 AS even,
       TIMESTAMP '2024-01-01' + INTERVAL (i) DAY AS "when", [i, i + 1] AS pair
FROM range({first}, {last}) r(i) ORDER BY i
"""
FEATURES = {"n": "integer", "text": "text", "label": "category", "score": "number", "even": "boolean", "when": "timestamp", "pair": "list"}


@pytest.fixture
def rows(alice: Person, tmp_path: Path) -> str:
    """100 training rows in two shards, 20 test rows; the address of the rows."""
    train = [
        parquet(tmp_path, f"train-{k}.parquet", TABLE.format(first=first, last=last))
        for k, (first, last) in enumerate(((0, 60), (60, 100)))
    ]
    test = [parquet(tmp_path, "test-0.parquet", TABLE.format(first=100, last=120))]
    make_ready(new_version(alice), FEATURES, {"train": train, "test": test})
    return f"{alice.base}/datasets/reviews/versions/1/rows"


def test_I37_the_bytes_of_shards_are_counted_when_they_are_stored(alice: Person, rows: str, tmp_path: Path) -> None:
    sizes = [path.stat().st_size for path in tmp_path.glob("*.parquet")]
    assert (len(sizes), DatasetVersion.objects.get().shard_bytes) == (3, sum(sizes))


def get(who: Person, address: str, *filters: str, **query: Any) -> Any:
    parts = [f"filter={quote(text)}" for text in filters] + [f"{key}={quote(str(value))}" for key, value in query.items()]
    reply = who.http("GET", f"{address}?{'&'.join(parts)}")
    assert reply.status == 200, reply
    return reply.json()


def test_pages_cross_shards_in_a_steady_order(alice: Person, rows: str) -> None:
    seen, offset = [], 0
    while offset is not None:
        page = get(alice, rows, split="train", offset=offset, limit=33)
        seen += [(item["split"], item["row"], item["values"]["n"]) for item in page["items"]]
        assert page["total"] == 100
        offset = page["next_offset"]
    assert seen == [("train", i, i) for i in range(100)]
    both = get(alice, rows, offset=95, limit=10)
    assert [(item["split"], item["row"]) for item in both["items"]] == [("train", i) for i in range(95, 100)] + [
        ("test", i) for i in range(5)
    ]
    assert (both["total"], both["next_offset"]) == (120, 105)
    assert get(alice, rows, offset=500) == {"items": [], "total": 120, "next_offset": None}


def test_values_are_json(alice: Person, rows: str) -> None:
    values = get(alice, rows, split="test", limit=1)["items"][0]["values"]
    assert list(values) == list(FEATURES)
    assert values["when"] == "2024-04-10T00:00:00Z"
    assert (values["even"], values["score"], values["pair"], values["label"]) == (True, 25.0, [100, 101], "pos")


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (["n:eq:61"], {61}),
        (["n:lt:3"], {0, 1, 2}),
        (["n:gt:97", "label:eq:neg"], {99}),
        (["text:null:true", "n:lt:20"], {3, 10, 17}),
        (["text:null:", "n:lt:4"], {3}),
        (["text:null:false", "n:lt:5"], {0, 1, 2, 4}),
        (["text:contains:GOOD", "n:gt:93"], {96, 98}),
        (["label:ne:pos", "n:lt:4"], {1, 3}),
        (["even:eq:true", "score:lt:1"], {0, 2}),
        (["when:gt:2024-04-07T00:00:00Z"], {98, 99}),
        (["text:eq:' OR 1=1 --"], set()),
    ],
)
def test_filters_are_anded(alice: Person, rows: str, filters: list[str], expected: set[int]) -> None:
    page = get(alice, rows, *filters, split="train")
    assert {item["row"] for item in page["items"]} == {item["values"]["n"] for item in page["items"]} == expected
    assert page["total"] == len(expected)


def test_search_looks_into_text_columns(alice: Person, rows: str) -> None:
    assert get(alice, rows, q="很好", limit=1)["total"] == 52
    page = get(alice, rows, q="text 11", split="test", limit=3)
    assert [item["row"] for item in page["items"]] == [10, 11, 12]
    assert (page["total"], page["next_offset"]) == (9, 3)
    assert get(alice, rows, q="100%_'\"")["total"] == 0


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("filter=nothing:eq:1", 400),
        ("filter=n:like:1", 400),
        ("filter=n", 400),
        ("filter=n:eq:one", 400),
        ("filter=score:eq:nan", 400),
        ("filter=pair:eq:1", 400),
        ("filter=n:contains:1", 400),
        ("filter=even:eq:maybe", 400),
        ("filter=when:gt:yesterday", 400),
        ("filtre=n:eq:1", 400),
        ("split=valid", 422),
        ("limit=201", 422),
        ("limit=0", 422),
        ("offset=-1", 422),
    ],
)
def test_I50_bad_questions(alice: Person, rows: str, query: str, status: int) -> None:
    reply = alice.http("GET", f"{rows}?{query}")
    assert (reply.status, bool(reply.json()["code"])) == (status, True)


def test_odd_columns(alice: Person, tmp_path: Path) -> None:
    """Names that differ in case only, quotes, colons, what looks like our own names; figures that are not finite."""
    sql = """SELECT 1 AS "Text", 'x' AS "a:b", 'y' AS "say ""hi"" 'x'", 'nan'::DOUBLE AS "at", 'z'::BLOB AS raw,
             {'p': 1, 'q': [1.5]} AS nested"""
    shard = parquet(tmp_path, "odd.parquet", sql)
    features = {"Text": "integer", "a:b": "text", "say \"hi\" 'x'": "text", "at": "number", "raw": "text", "nested": "struct"}
    make_ready(new_version(alice), features, {"train": [shard]})
    address = f"{alice.base}/datasets/reviews/versions/1/rows"
    page = get(alice, address, "a:b:eq:x", "say \"hi\" 'x':contains:Y")
    assert page["items"][0]["values"]["at"] is None
    assert page["items"][0]["values"]["nested"] == {"p": 1, "q": [1.5]}
    assert page["total"] == 1


def test_images_come_as_signed_addresses(alice: Person, bob: Person, tmp_path: Path) -> None:
    blobs = [PNG, b"<svg onload=alert(1)>", b"RIFF\0\0\0\0WAVEfmt "]
    sql = " UNION ALL ".join(
        f"SELECT {k} AS n, {{'bytes': from_hex('{data.hex()}'), 'path': 'dir/p\"{k}.png'}} AS picture" for k, data in enumerate(blobs)
    )
    shard = parquet(tmp_path, "t.parquet", f"{sql} UNION ALL SELECT 3, NULL ORDER BY n")
    make_ready(new_version(alice), {"n": "integer", "picture": "image"}, {"train": [shard]})
    items = get(alice, f"{alice.base}/datasets/reviews/versions/1/rows")["items"]
    links = [item["values"]["picture"] for item in items]
    assert links[3] is None
    path = links[0].removeprefix("http://localhost")
    assert path.startswith("/files/")
    anonymous = type(alice.http)("")
    reply = anonymous("GET", path)
    assert (reply.status, reply.content, reply.headers["content-type"]) == (200, PNG, "image/png")
    assert reply.headers["content-security-policy"].startswith("sandbox")
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["content-disposition"].startswith("inline")
    part = anonymous("GET", path, headers={"Range": "bytes=1-3"})
    assert (part.status, part.content) == (206, b"PNG")
    script = anonymous("GET", links[1].removeprefix("http://localhost"))
    assert (script.headers["content-type"], script.headers["content-disposition"][:10]) == ("application/octet-stream", "attachment")
    assert anonymous("GET", links[2].removeprefix("http://localhost")).headers["content-type"] == "audio/wav"
    assert anonymous("GET", path[:-3] + "abc").status == 403


def test_A12_csv_is_safe_to_open_in_a_spreadsheet(alice: Person, tmp_path: Path) -> None:
    sql = """SELECT * FROM (VALUES ('=1+1', -5, 'a,"b"'), ('+cmd', 2, 'line
two'), ('@x', NULL, '-3.5'), ('-x', 1, '好')) t("=name", n, c)"""
    make_ready(new_version(alice), {"=name": "text", "n": "integer", "c": "text"}, {"train": [parquet(tmp_path, "t.parquet", sql)]})
    base = f"{alice.base}/datasets/reviews/versions/1/download"
    reply = alice.http("GET", f"{base}?format=csv")
    assert reply.status == 302
    file = alice.http("GET", reply.headers["location"])
    assert file.headers["content-disposition"] == "attachment; filename=\"reviews-1.csv\"; filename*=UTF-8''reviews-1.csv"
    table = list(csv.reader(io.StringIO(file.content.decode(), newline="")))
    assert table[0] == ["'=name", "n", "c"]
    assert [line[0] for line in table[1:]] == ["'=1+1", "'+cmd", "'@x", "'-x"]
    assert [line[1:] for line in table[1:]] == [["-5", 'a,"b"'], ["2", "line\ntwo"], ["", "-3.5"], ["1", "好"]]


def test_exports_hold_every_row(alice: Person, rows: str) -> None:
    base = rows.removesuffix("/rows")
    lines = alice.http("GET", alice.http("GET", f"{base}/download?format=jsonl").headers["location"]).content.splitlines()
    whole = [json.loads(line) for line in lines]
    assert [(row["split"], row["n"]) for row in whole] == [("train", i) for i in range(100)] + [("test", i) for i in range(100, 120)]
    stored = alice.http("GET", f"{base}/files").json()["items"]
    assert [item["split"] for item in stored] == ["train", "train", "test"]
    file = alice.http("GET", stored[2]["url"].removeprefix("http://localhost"))
    assert (file.content[:4], len(file.content)) == (b"PAR1", stored[2]["size"])
    one = alice.http("GET", alice.http("GET", f"{base}/download?format=parquet&split=test").headers["location"])
    assert one.content == file.content
    assert alice.http("GET", f"{base}/download?format=parquet").json()["code"] == "several_files"
    assert alice.http("GET", f"{base}/download?format=xlsx").status == 422


def test_a_killed_reader_is_replaced(alice: Person, rows: str) -> None:
    get(alice, rows)
    for one in preview.pool.free:
        one.process.kill()
        one.process.wait()
    assert get(alice, rows)["total"] == 120


def test_a_slow_question_is_ended(alice: Person, rows: str) -> None:
    version = DatasetVersion.objects.get()
    get(alice, rows)
    before = {one.process.pid for one in preview.pool.free}
    with pytest.raises(preview.Problem) as caught:
        preview.pool.ask({"op": "count", "path": str(preview.on_disk(version.shards["train"][0]["uri"]))}, seconds=0)
    assert caught.value.code == "too_slow"
    assert not before & {one.process.pid for one in preview.pool.free} or len(before) > 1


def test_a_reader_sees_the_named_files_only(tmp_path: Path) -> None:
    """No other file, no extension, no network, no change of its own walls."""
    shard = str(parquet(tmp_path, "mine.parquet", "SELECT 1 AS a"))
    other = str(parquet(tmp_path, "other.parquet", "SELECT 1 AS a"))
    connection = reader.connect([shard])
    assert connection.execute("SELECT a FROM read_parquet(?)", [shard]).fetchall() == [(1,)]
    for sql in (
        f"SELECT * FROM read_parquet('{other}')",  # noqa: S608
        "SELECT * FROM read_csv('/etc/passwd')",
        f"COPY (SELECT 1) TO '{tmp_path}/out.csv'",
        "INSTALL httpfs",
        "SELECT * FROM read_parquet('https://example.org/a.parquet')",
        "SET enable_external_access = true",
        "ATTACH '/tmp/x.db'",
    ):
        with pytest.raises(duckdb.Error):
            connection.execute(sql)


def test_a_large_page_ends_early(alice: Person, tmp_path: Path) -> None:
    shard = parquet(
        tmp_path, "big.parquet", "SELECT i AS n, repeat(chr((97 + i % 26)::INT), 1000000) AS text FROM range(40) r(i) ORDER BY i"
    )
    make_ready(new_version(alice), {"n": "integer", "text": "text"}, {"train": [shard]})
    address = f"{alice.base}/datasets/reviews/versions/1/rows"
    page = get(alice, address, limit=40)
    assert 8 <= len(page["items"]) < 12
    assert page["next_offset"] == len(page["items"])
    assert get(alice, address, offset=page["next_offset"], limit=1)["items"][0]["row"] == page["next_offset"]
