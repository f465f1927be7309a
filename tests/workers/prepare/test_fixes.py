"""Personal data that is counted, and fixes that make another version of the same bytes."""

import json

import pytest

from workers.contract.personal import find, hint, mask

CARD, ID = "4111 1111 1111 1111", "11010519491231002X"


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("打13812345678或+86 138-1234-5678", ["phone", "phone"]),
        ("邮箱zhang.san@qq.com.cn。", ["email"]),
        (f"身份证{ID}号", ["id_number"]),
        (f"卡号 {CARD}，6222020000000000000", ["card", "card"]),
        ("010-62345678; (415) 555-2671; +44 20 7946 0958", ["phone"] * 3),
        ("110105194912310021 and 4111 1111 1111 1112", []),
        ("192.168.100.200, 1700000000000, v1.13812345678, a13812345678f, 0.13812345678, 2024-01-15 12:30:00, 1 2 3 4 5 6 7 8 9 0 1 2", []),
        ("a@b, @name, 12345678901, 978-7-111-12345-6", []),
    ],
)
def test_what_counts_as_personal(text, kinds):
    found = find(text)
    assert [span.kind for span in found] == kinds
    assert find(mask(text)) == []
    for span in found:
        assert text[span.start : span.end] not in hint(text[span.start : span.end])


PERSONAL = [
    ("call 13812345678 or 13912345678", "a", "13812345678", ["x", "y"]),
    ("write to me@example.org", "b", "", []),
    ("nothing here", "a", "17", ["13812345678"]),
    *((f"plain {i}", "ab"[i % 2], str(i), []) for i in range(30)),
]


def rows_of(outcome):
    return sorted(row["text"] or "" for row in outcome.all_rows())


def jsonl(rows):
    return "".join(json.dumps({"text": t, "label": c, "n": int(n) if n else None, "more": m}) + "\n" for t, c, n, m in rows).encode()


def test_personal_data_is_counted_where_it_stands(prepare):
    outcome = prepare({"a.jsonl": jsonl(PERSONAL)}, split={"train": 1.0})
    statistics = outcome.result["statistics"]
    assert statistics["health"]["personal"] == {"rows": 3, "phone": 4, "email": 1}
    assert statistics["findings"] == {"phone": [["train", 0], ["train", 2]], "email": [["train", 1]]}
    assert "fixed" not in statistics


def test_masking_leaves_nothing_of_it(prepare):
    outcome = prepare({"a.jsonl": jsonl(PERSONAL)}, split={"train": 1.0}, fixes=["mask_personal"])
    rows = outcome.rows("train")
    assert [row["text"] for row in rows[:3]] == ["call [PHONE] or [PHONE]", "write to [EMAIL]", "nothing here"]
    assert (rows[0]["n"], rows[2]["n"], rows[2]["more"], rows[0]["more"]) == (None, 17, ["[PHONE]"], ["x", "y"])
    statistics = outcome.result["statistics"]
    assert (statistics["health"]["personal"], statistics["fixed"]) == ({}, {"mask_personal": 3})
    assert not any(number in json.dumps(outcome.result) for number in ("3812345678", "13812345678.0", "1.3812345678e", "me@example"))


def test_masked_categories_are_renamed_everywhere(prepare):
    lines = "".join(f"row {i},{('me@example.org', 'you')[i % 2]},{'ab'[i % 2]}\n" for i in range(40))
    outcome = prepare({"a.csv": ("text,from,label\n" + lines).encode()}, columns={"from": "category"}, fixes=["mask_personal"])
    assert outcome.result["classes"] == {"from": ["[EMAIL]", "you"], "label": ["a", "b"]}
    assert "me@example" not in json.dumps(outcome.result)


TRAIN = [
    ("same", "a"),
    ("same", "a"),
    ("torn", "a"),
    ("seen", "a"),
    ("seen too", "b"),
    ("torn", "b"),
    ("", "a"),
    ("  ", "b"),
    ("kept", "b"),
]
TEST = [("seen", "a"), ("seen too", "a"), ("other", "b"), ("other", "b")]


def files():
    return {
        f"{name}.csv": "".join(f"{t},{c}\n" for t, c in [("text", "label"), *rows]).encode()
        for name, rows in (("train", TRAIN), ("test", TEST))
    }


def test_findings_name_their_rows(prepare):
    outcome = prepare(files())
    rows = {split: outcome.rows(split) for split in outcome.result["splits"]}
    places = outcome.result["statistics"]["findings"]
    named = {name: [rows[split][row]["text"] or "" for split, row in found] for name, found in places.items()}
    assert {name: sorted(texts) for name, texts in named.items()} == {
        "duplicates": ["other", "same", "seen"],
        "leakage": ["seen", "seen too"],
        "conflicts": ["seen too", "seen too", "torn", "torn"],
        "empty": ["", "  "],
    }
    assert named["conflicts"] in (["torn"] * 2 + ["seen too"] * 2, ["seen too"] * 2 + ["torn"] * 2), "equal inputs stand together"


@pytest.mark.parametrize(
    ("fixes", "left"),
    [
        (["drop_duplicates"], ["", "  ", "kept", "other", "same", "seen", "seen too", "seen too", "torn", "torn"]),
        (["drop_leaks"], ["", "  ", "kept", "other", "other", "same", "same", "seen", "seen too", "torn", "torn"]),
        (["drop_conflicts"], ["", "  ", "kept", "other", "other", "same", "same", "seen", "seen"]),
        (["drop_empty"], ["kept", "other", "other", "same", "same", "seen", "seen", "seen too", "seen too", "torn", "torn"]),
        (["drop_empty", "drop_leaks", "drop_duplicates", "drop_conflicts"], ["kept", "other", "same", "seen"]),
    ],
)
def test_dropped_rows_are_those_that_were_counted(prepare, fixes, left):
    before = prepare(files()).result
    outcome = prepare(files(), fixes=fixes)
    assert rows_of(outcome) == left
    counted = sum(rows for names, rows in before["statistics"]["health"]["dropped_by"] if set(names) & set(fixes))
    assert counted == len(TRAIN) + len(TEST) - len(left)
    again = prepare(files(), fixes=list(reversed(fixes))).result
    assert [file["sha256"] for split in again["shards"].values() for file in split] == [
        file["sha256"] for split in outcome.result["shards"].values() for file in split
    ]
    after = outcome.result["statistics"]["health"]
    names = {"drop_duplicates": "duplicates", "drop_leaks": "leakage", "drop_conflicts": "conflicts", "drop_empty": "empty"}
    assert [after[names[fix]] for fix in fixes] == [0] * len(fixes)


def test_the_copy_in_test_is_the_one_that_stays(prepare):
    outcome = prepare(files(), fixes=["drop_duplicates"])
    assert [row["text"] for row in outcome.rows("test")] == ["seen", "seen too", "other"]
    assert "seen" not in [row["text"] for row in outcome.rows("train") + outcome.rows("validation")]


def test_fixes_that_leave_nothing_are_refused(prepare):
    content = b"text,label\n" + b"same,a\nsame,b\n" * 10
    assert prepare({"a.csv": content}, fixes=["drop_conflicts"]).code == "empty_split"


def test_many_rows_are_fixed_exactly_in_flat_memory(prepare, tmp_path):
    path = tmp_path / "a.csv"
    with path.open("w") as file:
        file.write("text\n")
        for start in range(0, 300_000, 100_000):
            file.write("".join(f"r{i % 270_000}\n" for i in range(start, start + 100_000)))
    outcome = prepare({"a.csv": path}, fixes=["drop_duplicates"], split={"train": 1.0}, columns={"text": "text"})
    assert outcome.status == 0, outcome.error
    assert outcome.result["splits"] == {"train": 270_000}
    assert outcome.result["statistics"]["fixed"] == {"drop_duplicates": 30_000}
    assert outcome.peak < 400 * 2**20
