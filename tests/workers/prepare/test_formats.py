"""Every format and encoding a user may bring, read through the run folder and compared value by value."""

import datetime as dt
import gzip
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.workers.prepare import makers
from tests.workers.prepare.makers import image, tarred, zipped

WHOLE = {"split": {"train": 1.0}}
TYPED = {
    "text": "text",
    "label": "category",
    "count": "integer",
    "price": "number",
    "good": "boolean",
    "day": "timestamp",
}
ROWS = [
    {
        "text": f'评论 "{i}", said she;\nthen 🎉 {i}',
        "label": ["好", "坏"][i % 2],
        "count": i * 3 - 20,
        "price": i / 4 if i % 5 else None,
        "good": i % 3 == 0,
        "day": dt.datetime(2024, 1, 1 + i % 28, 10, i % 60),  # noqa: DTZ001 (stored without a zone)
    }
    for i in range(40)
]


def as_csv(delimiter: str = ",", comma: bool = False, end: str = "\n") -> str:
    def cell(value: object) -> str:
        if value is None:
            return ""
        if isinstance(value, bool):
            return str(value).lower()
        text = str(value).replace(".", ",") if comma and isinstance(value, float) else str(value)
        return '"' + text.replace('"', '""') + '"' if any(mark in text for mark in f'{delimiter}"\n') else text

    lines = [delimiter.join(TYPED), *(delimiter.join(cell(value) for value in row.values()) for row in ROWS)]
    return end.join(lines) + end


def as_json() -> list[dict[str, object]]:
    return [{**row, "day": row["day"].isoformat()} for row in ROWS]


def same(outcome, kind: str) -> None:
    assert outcome.status == 0, outcome.error
    assert outcome.result["format"] == kind
    assert outcome.result["features"] == TYPED
    assert outcome.rows("train") == ROWS
    assert outcome.result["classes"] == {"label": ["坏", "好"]}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_I7_unicode_encodings(prepare, encoding):
    asked = {"encoding": encoding} if encoding.endswith(("le", "be")) else {}
    same(prepare({"a.csv": as_csv().encode(encoding)}, **WHOLE, **asked), "csv")


@pytest.mark.parametrize("asked", [{}, {"encoding": "gb18030"}, {"encoding": "GBK"}])
def test_gb18030(prepare, asked):
    text = as_csv().replace("🎉", "") if asked.get("encoding") == "GBK" else as_csv()
    outcome = prepare({"a.csv": text.encode("gb18030")}, **WHOLE, **asked)
    assert outcome.status == 0, outcome.error
    assert [row["label"] for row in outcome.rows("train")] == [row["label"] for row in ROWS]
    assert "gb" in outcome.log


def test_gb18030_whose_first_chinese_comes_late(prepare):
    rows = [f"plain words {i},a" for i in range(60_000)] + [f"这家酒店很好{i},b" for i in range(1000)]
    outcome = prepare({"a.csv": ("text,label\n" + "\n".join(rows)).encode("gb18030")}, **WHOLE)
    assert outcome.rows("train")[-1]["text"] == "这家酒店很好999"


@pytest.mark.parametrize("encoding", ["latin-1", "windows-1252", "shift_jis", "big5", "koi8-r"])
def test_encodings_by_option(prepare, encoding):
    words = {"shift_jis": "日本語", "big5": "臺灣", "koi8-r": "привет"}.get(encoding, "café")
    content = ("text,label\n" + f"{words},a\nx {words},b\n" * 20).encode(encoding)
    assert prepare({"a.csv": content}, encoding=encoding, **WHOLE).rows("train")[0]["text"] == words


@pytest.mark.parametrize(
    ("delimiter", "name"), [(",", "a.csv"), (";", "a.csv"), ("\t", "a.tsv"), ("|", "a.csv"), ("\t", "a.csv"), (";", "table")]
)
def test_I11_delimiter_and_decimal_comma(prepare, delimiter, name):
    for comma in (False, True):
        outcome = prepare({name: as_csv(delimiter, comma).encode()}, **WHOLE)
        same(outcome, "tsv" if name.endswith("tsv") else "csv")
        assert ("tab" if delimiter == "\t" else f"delimiter {delimiter}") in outcome.log


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends(prepare, end):
    rows = end.join(["text,label", *(f"text {i},{'ab'[i % 2]}" for i in range(30))])
    outcome = prepare({"a.csv": rows.encode()}, **WHOLE)
    assert [row["text"] for row in outcome.rows("train")] == [f"text {i}" for i in range(30)]


@pytest.mark.parametrize(
    ("content", "header", "names"),
    [
        ("这家店很好,正面\n太差了,负面\n" * 10, None, ["column_1", "column_2"]),
        ("1.5,2\n2.5,3\n", None, ["column_1", "column_2"]),
        ("a,b\nc,d\n", None, ["a", "b"]),
        ("a,b\nc,d\n", False, ["column_1", "column_2"]),
        ("2019,2020\n1,2\n", True, ["2019", "2020"]),
        ("good film.,pos\nbad one.,neg\n", None, ["column_1", "column_2"]),
        ("\n\nname,size\nx,1\n", None, ["name", "size"]),
        (" text , label \nx,a\n", None, ["text", "label"]),
    ],
)
def test_header_is_guessed_or_told(prepare, content, header, names):
    options = {} if header is None else {"header": header}
    assert list(prepare({"a.csv": content.encode()}, **options, **WHOLE).result["features"]) == names


@pytest.mark.parametrize(
    ("values", "type"),
    [
        (["1", "2", "-3"], "integer"),
        (["1", " 2", "NA", ""], "integer"),
        (["1", "2.5", "1e-3"], "number"),
        (["1,5", "1.234,75", "3"], "number"),
        (["007", "012", "100"], "text"),
        (["12345678901234567890", "1", "2"], "text"),
        (["true", "False", ""], "boolean"),
        (["2024-01-05", "2023-12-31", ""], "timestamp"),
        (["2024-01-05T10:00:00Z", "2024-01-05T10:00:00+08:00", "2020-02-29T00:00:00.5Z"], "timestamp"),
        (["2024/01/05", "2024/02/05 10:00", "2024/03/01"], "timestamp"),
        (["1", "2", "x"], "text"),
        (["nan", "NA", ""], "text"),
        (["yes", "no"] * 15, "category"),
        (["0x1F", "0x2A", "1"], "text"),
        (["1.5", "1,5", "2"], "text"),
    ],
)
def test_types_of_csv_columns(prepare, values, type):
    lines = "\n".join(f'{i};"{value}"' for i, value in enumerate(values))
    outcome = prepare({"a.csv": f"n;value\n{lines}\n".encode()}, **WHOLE)
    assert outcome.result["features"]["value"] == type


def test_a_late_value_widens_the_type(prepare):
    content = "n,m\n" + "\n".join(f"{i},{i}" for i in range(400_000)) + "\n1.5,late\n"
    outcome = prepare({"a.csv": content.encode()}, **WHOLE)
    assert outcome.result["features"] == {"n": "number", "m": "text"}
    assert outcome.result["splits"] == {"train": 400_001}


def test_declared_types(prepare):
    content = b"zip,stars,day,text\n" + b"01234,1,2024-01-01,x\n" * 30 + b"99999,2,2024-01-02,y\n" * 30
    outcome = prepare({"a.csv": content}, columns={"zip": "integer", "stars": "category", "day": "text", "text": "category"}, **WHOLE)
    assert outcome.rows("train")[0] == {"zip": 1234, "stars": "1", "day": "2024-01-01", "text": "x"}
    assert outcome.result["classes"] == {"stars": ["1", "2"], "text": ["x", "y"]}


def test_tsv_with_lonely_quotes(prepare):
    content = 'text\tlabel\n"unbalanced\ta\n5" screen\tb\n' * 20
    content = "text\tlabel\n" + content.replace("text\tlabel\n", "")
    assert prepare({"a.tsv": content.encode()}, **WHOLE).rows("train")[0]["text"] == '"unbalanced'


def test_null_and_empty_text_differ(prepare):
    content = b'text,label\n,a\n"",b\nNone,a\nx,b\n' + b"y,a\n" * 30
    assert [row["text"] for row in prepare({"a.csv": content}, **WHOLE).rows("train")[:4]] == [None, "", "None", "x"]


JSON_SHAPES = {
    "a.jsonl": "\n".join(map(json.dumps, as_json())),
    "b.jsonl": "\r\n\r\n".join(json.dumps(row, ensure_ascii=False) for row in as_json()),
    "lines.json": "\n".join(map(json.dumps, as_json())),
    "array.json": json.dumps(as_json(), indent=2),
    "small.json": json.dumps(as_json(), separators=(",", ":"), ensure_ascii=False),
    "columns.json": json.dumps({name: [row[name] for row in as_json()] for name in TYPED}),
    "pandas.json": json.dumps({name: {str(i): row[name] for i, row in enumerate(as_json())} for name in TYPED}),
    "wrapped.json": json.dumps({"version": 1.0, "data": as_json()}),
}


@pytest.mark.parametrize("name", JSON_SHAPES)
def test_json(prepare, name):
    kind = "jsonl" if name.endswith("jsonl") or name == "lines.json" else "json"
    same(prepare({name: JSON_SHAPES[name].encode()}, **WHOLE), kind)


def test_json_types_widen(prepare):
    rows = [{"a": 1, "b": 1, "c": [1], "d": {"x": 1}, "e": None, "f": True}] * 9000
    rows += [{"a": 1.5, "b": "one", "c": [2.5, None], "d": {"y": "z"}, "g": "new", "f": 1, "h": {}}]
    outcome = prepare({"a.jsonl": "\n".join(map(json.dumps, rows)).encode()}, **WHOLE)
    features = outcome.result["features"]
    assert {name: features[name] for name in "abcd"} == {"a": "number", "b": "category", "c": "list", "d": "struct"}
    read = outcome.rows("train")
    assert read[0] == {"a": 1.0, "b": "1", "c": [1.0], "d": {"x": 1, "y": None}, "e": None, "f": "true", "g": None, "h": None}
    assert read[-1] == {"a": 1.5, "b": "one", "c": [2.5, None], "d": {"x": None, "y": "z"}, "e": None, "f": "1", "g": "new", "h": "{}"}


def test_json_with_tables_named_as_splits(prepare):
    content = json.dumps({"train": as_json()[:30], "test": as_json()[30:]})
    assert prepare({"a.json": content.encode()}).result["splits"] == {"train": 27, "validation": 3, "test": 10}


def parquet(table: pa.Table, **options: object) -> bytes:
    out = io.BytesIO()
    pq.write_table(table, out, **options)
    return out.getvalue()


def test_parquet(prepare):
    table = pa.Table.from_pylist(ROWS)
    table = table.set_column(1, "label", table.column("label").dictionary_encode())
    same(prepare({"a.parquet": parquet(table)}, **WHOLE), "parquet")
    same(prepare({"no ending": parquet(table, row_group_size=7)}, **WHOLE), "parquet")


def test_parquet_types(prepare):
    table = pa.table(
        {
            "small": pa.array([1, 2, None], pa.uint8()),
            "money": pa.array([1, 2, 3], pa.decimal128(9, 2)),
            "odd": pa.array([1.5, float("nan"), float("inf")]),
            "zoned": pa.array([0, 1, 2], pa.timestamp("ns", "Asia/Shanghai")),
            "date": pa.array([0, 1, 2], pa.date32()),
            "large": pa.array(["a", "b", None], pa.large_string()),
            "list": pa.array([[1], [], None], pa.large_list(pa.int32())),
            "map": pa.array([[("k", 1)], [], None], pa.map_(pa.string(), pa.int64())),
        }
    )
    outcome = prepare({"a.parquet": parquet(table)}, **WHOLE)
    assert outcome.result["features"] == {
        "small": "integer", "money": "number", "odd": "number", "zoned": "timestamp", "date": "timestamp", "large": "text",
        "list": "list", "map": "list",
    }  # fmt: skip
    first, second, _ = outcome.rows("train")
    assert first["map"] == [{"key": "k", "value": 1}]
    assert second["odd"] is None
    assert second["date"] == dt.datetime(1970, 1, 2)  # noqa: DTZ001


def test_parquet_with_class_names_and_images(prepare):
    media = pa.array([{"bytes": image(colour=i), "path": f"{i}.png"} for i in range(20)])
    table = pa.table({"image": media, "label": pa.array([i % 2 for i in range(20)])})
    features = {"image": {"_type": "Image"}, "label": {"_type": "ClassLabel", "names": ["dog", "cat"]}}
    table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    outcome = prepare({"a.parquet": parquet(table)}, **WHOLE)
    assert outcome.result["features"] == {"image": "image", "label": "category"}
    assert outcome.result["classes"] == {"label": ["dog", "cat"]}
    assert outcome.rows("train")[1] == {"image": {"bytes": image(colour=1), "path": "1.png"}, "label": "cat"}


def test_txt(prepare):
    text = "床前明月光\r\n  疑是地上霜 \n\n举头望明月\n低头思故乡\n\n\n"
    lines = ["床前明月光", "疑是地上霜", "举头望明月", "低头思故乡"]
    assert [row["text"] for row in prepare({"a.txt": text.encode("gb18030")}, **WHOLE).rows("train")] == lines
    outcome = prepare({"a.txt": text.encode()}, delimiter="\n\n", **WHOLE)
    assert outcome.result["features"] == {"text": "text"}
    assert [row["text"] for row in outcome.rows("train")] == ["\n".join([lines[0], "  " + lines[1]]), "\n".join(lines[2:])]
    assert len(prepare({"a.txt": b"one\n%\ntwo\n%\nthree"}, delimiter="\n%\n", **WHOLE).rows("train")) == 3


def test_txt_of_many_equal_short_lines_stays_text(prepare):
    assert prepare({"a.txt": b"yes\nno\n" * 50}).result["features"] == {"text": "text"}


@pytest.mark.parametrize("pack", ["a.zip", "a.tar", "a.tar.gz", "a.tgz", "a.tar.bz2", "a.tar.xz"])
def test_images_in_class_folders(prepare, pack):
    kinds = [("猫", "PNG"), ("dog", "JPEG"), ("dog", "WEBP"), ("猫", "GIF"), ("猫", "BMP"), ("dog", "PNG")]
    files = {f"my pets/{label}/{i}.{kind.lower()}": image((10 + i, 20), i, kind) for i, (label, kind) in enumerate(kinds)}
    files |= {"my pets/README.md": b"hello", "__MACOSX/my pets/._1.png": b"x", "my pets/.DS_Store": b"x", "my pets/dog/Thumbs.db": b"x"}
    mode = {"a.tar": "w", "a.tar.gz": "w:gz", "a.tgz": "w:gz", "a.tar.bz2": "w:bz2", "a.tar.xz": "w:xz"}.get(pack)
    outcome = prepare({pack: tarred(files, mode) if mode else zipped(files)}, **WHOLE)
    assert outcome.status == 0, outcome.error
    assert outcome.result["format"] == "images"
    assert outcome.result["features"] == {"image": "image", "label": "category"}
    assert outcome.result["classes"] == {"label": ["dog", "猫"]}
    rows = outcome.rows("train")
    assert [row["label"] for row in rows] == ["猫", "dog", "dog", "猫", "猫", "dog"]
    assert rows[0]["image"] == {"bytes": files["my pets/猫/0.png"], "path": "my pets/猫/0.png"}
    assert outcome.result["statistics"]["media"]["width"] == {"min": 10, "max": 15, "mean": 12.5}
    assert outcome.result["rejected"] == []


def test_images_with_given_splits(prepare):
    files = {
        f"set/{split}/{label}/{i}.png": image(colour=i) for i in range(10) for split in ("train", "valid", "test") for label in ("a", "b")
    }
    outcome = prepare({"a.zip": zipped(files)})
    assert outcome.result["splits"] == {"train": 20, "validation": 20, "test": 20}
    assert {row["image"]["path"].split("/")[1] for row in outcome.rows("validation")} == {"valid"}
    assert outcome.result["features"] == {"image": "image", "label": "category"}


def test_images_without_classes(prepare):
    assert prepare({"a.zip": zipped({f"{i}.png": image(colour=i) for i in range(9)})}).result["features"] == {"image": "image"}
    assert prepare({"a.zip": zipped({f"faces/{i}.png": image(colour=i) for i in range(9)})}).result["features"] == {"image": "image"}


def test_loose_images(prepare):
    outcome = prepare({f"{i}.png": image(colour=i) for i in range(5)})
    assert sum(outcome.result["splits"].values()) == 5


def test_chinese_folder_names_of_windows(prepare):
    content = zipped({f"{'Cc' if i % 2 else 'Dd'}/{i}.png": image(colour=i) for i in range(8)})
    content = content.replace(b"Cc/", "猫/".encode("gbk")).replace(b"Dd/", "狗/".encode("gbk"))  # as Explorer writes them
    assert prepare({"a.zip": content}).result["classes"]["label"] == ["狗", "猫"]


def test_sounds_in_class_folders(prepare):
    files = {f"{label}/{i}.wav": makers.wav(8000 + i, 0.5) for i in range(6) for label in ("yes", "no")}
    outcome = prepare({"a.zip": zipped(files)})
    assert outcome.result["features"] == {"audio": "audio", "label": "category"}
    assert outcome.result["format"] == "audio"
    assert outcome.result["statistics"]["media"]["rate"]["max"] == 8005


@pytest.mark.parametrize("pack", ["zip", "tar", "tar.gz"])
def test_tables_in_an_archive(prepare, pack):
    files = {"data/train.csv": makers.csv(50), "data/test.csv": makers.csv(10), "data/README.txt": b"read me"}
    content = zipped(files) if pack == "zip" else tarred(files, "w:gz" if pack.endswith("gz") else "w")
    outcome = prepare({f"a.{pack}": content})
    assert outcome.result["splits"] == {"train": 45, "validation": 5, "test": 10}
    assert outcome.result["format"] == "csv"


def test_a_compressed_table(prepare):
    outcome = prepare({"a.csv.gz": gzip.compress(makers.csv(50))})
    assert outcome.result["format"] == "csv"
    assert sum(outcome.result["splits"].values()) == 50


def test_several_files_and_their_digest(prepare):
    import hashlib

    files = {"b.csv": makers.csv(30), "a.jsonl": b'{"label": "a", "text": "x"}\n' * 10}
    outcome = prepare(files, **WHOLE)
    assert [row["text"] for row in outcome.rows("train")] == [f"text {i}" for i in range(30)] + ["x"] * 10
    lines = sorted(f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in files.items())
    assert outcome.result["sha256"] == hashlib.sha256("".join(lines).encode()).hexdigest()
    assert prepare({"a.csv": makers.csv()}).result["sha256"] == hashlib.sha256(makers.csv()).hexdigest()


def test_asked_format_wins(prepare):
    assert prepare({"a.csv": b"one, two\nthree\n"}, format="txt", **WHOLE).rows("train") == [{"text": "one, two"}, {"text": "three"}]
    assert prepare({"a.dat": b'{"a": 1}\n{"a": 2}\n'}, format="jsonl", **WHOLE).rows("train") == [{"a": 1}, {"a": 2}]
    assert prepare({"a.csv": makers.csv()}, format="parquet").code == "damaged_file"
    assert prepare({"a.csv": makers.csv()}, format="images").code == "content_mismatch"


def test_shards_are_cut_and_hashed(prepare):
    import hashlib

    outcome = prepare({"a.csv": makers.csv(200_000)}, **WHOLE)
    file = outcome.result["shards"]["train"][0]
    path = outcome.folder / "shards" / file["name"]
    assert (file["name"], file["size"]) == ("train-00000.parquet", path.stat().st_size)
    assert file["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    meta = pq.read_metadata(path)
    assert max(meta.row_group(i).num_rows for i in range(meta.num_row_groups)) <= 65_536
    assert meta.num_row_groups >= 4


def test_texts_in_class_folders(prepare):
    files = {
        f"aclImdb/{split}/{label}/{i}.txt": f"review {i}\nof {label}".encode()
        for split in ("train", "test")
        for label in ("pos", "neg")
        for i in range(20)
    }
    outcome = prepare({"a.tar.gz": tarred(files, "w:gz")})
    assert outcome.result["features"] == {"text": "text", "label": "category"}
    assert outcome.result["splits"] == {"train": 36, "validation": 4, "test": 40}
    assert outcome.rows("test")[0] == {"text": "review 0\nof pos", "label": "pos"}


def test_texts_in_folders_that_are_no_classes(prepare):
    assert prepare({"a.zip": zipped({"poems/a.txt": b"one\ntwo", "prose/b.txt": b"three"})}).result["features"] == {"text": "text"}


def test_short_repeated_strings_are_categories_long_names_of_text_are_not(prepare):
    content = "review,source\n" + "nice film,imdb\nbad film,rotten_tomatoes\n" * 30
    assert prepare({"a.csv": content.encode()}).result["features"] == {"review": "text", "source": "category"}
