"""Tables nobody can read, each refused with the code, the place and the remedy. Numbers are those of the bad-input list."""

import io
import json
import struct

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.workers.prepare import makers


def refused(outcome, code):
    assert outcome.status == 3, outcome.error
    assert outcome.code == code, outcome.error
    assert outcome.error["message"]
    assert not outcome.result
    assert outcome.events[-1]["type"] == "error"
    return outcome.error


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf"])
def test_I1_empty_file(prepare, content):
    assert refused(prepare({"a.csv": content}), "empty_file")["loc"]["file"] == "a.csv"


@pytest.mark.parametrize(
    ("name", "content"), [("a.csv", b"text,label\n"), ("a.csv", b"\n\n"), ("a.jsonl", b"\n \n"), ("a.json", b"[]"), ("a.txt", b" \n")]
)
def test_I2_no_rows(prepare, name, content):
    refused(prepare({name: content}), "no_rows")


def test_I3_unnamed_column(prepare):
    assert refused(prepare({"a.csv": b"text,,label\nx,1,a\n"}), "unnamed_column")["loc"]["column"] == 2


def test_I4_duplicate_column(prepare):
    assert refused(prepare({"a.csv": b"text,label,text\nx,a,y\n"}), "duplicate_column")["loc"]["column"] == "text"


def test_I5_bad_row(prepare):
    rows = ["a,b,c,d", *["1,2,3,4"] * 5, "one,two,three", *["1,2,3,4"] * 5]
    error = refused(prepare({"a.csv": "\n".join(rows).encode()}), "bad_row")
    assert error["loc"]["row"] == 7
    assert "one,two,three" in error["message"]


def test_I5_bad_row_after_quoted_line_breaks(prepare):
    content = b'text,label\n"two\nlines",a\nx,b\nlonely\n'
    assert refused(prepare({"a.csv": content}), "bad_row")["loc"]["row"] == 5


def test_I5_quote_that_never_closes(prepare):
    content = b"text,label\n" + b"a,b\n" * 50_000 + b'"open,a\n' + b"a,b\n" * 900_000
    refused(prepare({"a.csv": content}, delimiter=","), "bad_row")


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.txt"])
def test_I6_line_too_long(prepare, name):
    start = b'{"a":"' if name == "a.jsonl" else b"text,label\n"
    refused(prepare({name: start + b"x" * 3_000_000}), "line_too_long")


def test_I8_latin1_is_asked_for(prepare):
    content = "text,label\ncafé là,a\nnaïve é,b\n".encode("latin-1") * 20
    error = refused(prepare({"a.csv": content}), "bad_encoding")
    assert "encoding" in error["hint"]
    assert prepare({"a.csv": b"text,label\n" + "café,a\nné,b\n".encode("latin-1") * 20}, encoding="latin-1").all_rows()[0]["text"] in (
        "café",
        "né",
    )


def test_I9_broken_byte_in_utf8(prepare):
    content = "文字,标签\n".encode() + "这家酒店很好,正面\n".encode() * 30
    broken = content[:400] + b"\xff" + content[400:]
    offset = next(i for i in range(len(broken)) if not _valid(broken[: i + 1]))
    assert f"byte {offset} " in refused(prepare({"a.csv": broken}), "bad_encoding")["message"]


def _valid(raw: bytes) -> bool:
    import codecs

    try:
        codecs.getincrementaldecoder("utf-8")().decode(raw)
    except UnicodeDecodeError:
        return False
    return True


def test_I10_nul_bytes(prepare):
    assert "offset 14" in refused(prepare({"a.csv": b"text,label\nabc\0d,a\n"}), "binary_in_text")["message"]


def test_I12_cut_json_line(prepare):
    lines = [b'{"text": "x", "label": "a"}'] * 4 + [b'{"text": "x", "la']
    assert refused(prepare({"a.jsonl": b"\n".join(lines)}), "bad_json")["loc"]["row"] == 5


@pytest.mark.parametrize(
    "content", [b'[{"a": 1}, {"a": ', b'[{"a": 1} {"a": 2}]', b'[{"a": 1},]', b'[{"a": 1}] x', b'{"a": [1, 2], "b": [1]}', b'["x"]', b"[{]"]
)
def test_I12_broken_json_document(prepare, content):
    refused(prepare({"a.json": content}), "bad_json")


@pytest.mark.parametrize("name", ["a.jsonl", "a.json"])
@pytest.mark.parametrize("inner", ['{"a":' * 10_000 + "1" + "}" * 10_000, '{"a":' + "[[],[" * 80 + "]]" * 80 + "}"])
def test_I13_too_deep(prepare, name, inner):
    content = inner if name == "a.jsonl" else f"[{inner}]"
    refused(prepare({name: content.encode()}), "too_deep")


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e999", "123456789012345678901234567890e900", str(2**64)])
def test_I14_bad_number(prepare, number):
    content = f'{{"a": 1}}\n{{"a": {number}}}\n'.encode()
    assert refused(prepare({"a.jsonl": content}), "bad_number")["loc"]["row"] == 2


def test_I14_bad_number_in_csv(prepare):
    refused(prepare({"a.csv": b"text,price\n" + b"x,1.5\n" * 20 + b"y,1e999\n"}), "bad_number")


@pytest.mark.parametrize(
    "row", ['{"a": 1, "a": 2}', '{"a" : 1, "a": 2}', '{"t": "x: y", "o": {"b": 1, "b": 2}}', '{"l": [{"c": 1, "c": 1}]}']
)
def test_I14_duplicate_key(prepare, row):
    refused(prepare({"a.jsonl": row.encode()}), "duplicate_key")
    refused(prepare({"a.json": f"[{row}]".encode()}), "duplicate_key")


def parquet(table: pa.Table) -> bytes:
    out = io.BytesIO()
    pq.write_table(table, out)
    return out.getvalue()


def test_I15_cut_footer(prepare):
    whole = parquet(pa.table({"a": list(range(1000))}))
    for content in (whole[:-20], whole[: len(whole) // 2], b"PAR1" + bytes(50), whole[:4] + bytes(200) + whole[204:]):
        refused(prepare({"a.parquet": content}), "damaged_file")


def test_I16_parquet_that_claims_a_billion_values(prepare):
    whole = parquet(pa.table({"a": pa.array([7] * 5, pa.int32())}))
    for old, new in ((b"\x15\x0a", 10**9), (b"\x16\x0a", 10**9)):
        number, varint = 2 * new, b""
        while number:
            number, low = number >> 7, number & 127
            varint += bytes([low | (128 if number else 0)])
        body, footer = whole[: -8 - struct.unpack("<I", whole[-8:-4])[0]], whole[len(whole) - 8 - struct.unpack("<I", whole[-8:-4])[0] : -8]
        forged = footer.replace(old, old[:1] + varint)
        page = body.replace(old, old[:1] + varint)
        for content in (body + forged, page + footer, page + forged):
            length = len(content) - len(page if content.startswith(page) and page != body else body)
            outcome = prepare({"a.parquet": content + struct.pack("<I", length) + b"PAR1"})
            if outcome.status != 0:  # a forged field that no reader looks at does no harm
                assert outcome.code == "damaged_file" or outcome.status < 0
                assert outcome.peak < 1.2 * 2**30


def test_I17_too_many_columns(prepare):
    names = [f"c{i}" for i in range(20_000)]
    refused(prepare({"a.parquet": parquet(pa.table({name: [1] for name in names}))}), "too_many_columns")
    refused(prepare({"a.csv": (",".join(names) + "\n" + ",".join("1" for _ in names) + "\n").encode()}), "too_many_columns")
    refused(prepare({"a.jsonl": json.dumps(dict.fromkeys(names, 1)).encode()}), "too_many_columns")


def test_unknown_option_is_named(prepare):
    error = refused(prepare({"a.csv": makers.csv()}, delimeter=";"), "unknown_option")
    assert error["loc"]["column"] == "delimeter"
    assert "delimiter" in error["hint"]


@pytest.mark.parametrize(
    "options",
    [{"encoding": "klingon"}, {"encoding": "zlib"}, {"format": "xlsx"}, {"columns": {"text": "poem"}}, {"seed": -1}, {"header": "maybe"},
     {"delimiter": "::"}, {"split": {"train": 0.5, "test": 0.1}}, {"split": {"column": "a", "train": 1}}, {"split": {"tain": 0.9}}],
)  # fmt: skip
def test_bad_option(prepare, options):
    assert prepare({"a.csv": makers.csv()}, **options).code in ("bad_option", "unknown_option")


def test_unknown_column(prepare):
    error = refused(prepare({"a.csv": makers.csv()}, columns={"txt": "text"}), "unknown_column")
    assert "label" in error["hint"]


def test_value_that_does_not_fit_the_declared_type(prepare):
    content = b"text,n\n" + b"x,1\n" * 30 + b"x,many\n" + b"x,2\n" * 30
    error = refused(prepare({"a.csv": content}, columns={"n": "integer"}), "bad_value")
    assert error["loc"] == {"file": "a.csv", "row": 31, "column": "n"}


def test_files_with_other_columns(prepare):
    error = refused(prepare({"train.csv": makers.csv(), "test.csv": b"text\nx\ny\n"}), "schema_mismatch")
    assert error["loc"] == {"file": "test.csv", "column": "label"}


def test_bytes_that_are_not_what_was_uploaded(door):
    folder = door.order({"kind": "prepare"}, {"a.csv": makers.csv()})
    order = json.loads((folder / "order.json").read_text())
    order["work"]["files"][0]["sha256"] = "0" * 64
    (folder / "order.json").write_text(json.dumps(order))
    refused(door.run(folder), "damaged_file")


def test_a_web_page_saved_as_a_table_is_told_apart(prepare):
    page = b"<!DOCTYPE html>\n<html><body>Sign in, please</body></html>"
    for name in ("data.csv", "data.jsonl"):
        outcome = prepare({name: page})
        assert (outcome.code, "web page" in outcome.error["message"]) == ("content_mismatch", True)
