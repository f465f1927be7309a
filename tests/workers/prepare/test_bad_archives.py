"""Archives and media nobody should open, each refused with its code; nothing is ever written outside the run folder."""

import io
import stat
import struct
import tarfile
import unicodedata
import zipfile

import pytest

from tests.workers.prepare import makers
from tests.workers.prepare.makers import image, tarred, zipped
from tests.workers.prepare.test_bad_tables import refused

GOOD = {"cats/1.png": image(colour=1), "dogs/2.png": image(colour=2)}


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def zip_link(name: str, target: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        info = zipfile.ZipInfo(name)
        info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, target)
    return out.getvalue()


ESCAPES = {
    "dots.zip": zipped({"../x.csv": b"a\n1\n"}),
    "inner.zip": zipped({"ok/../../x.csv": b"a\n1\n"}),
    "absolute.zip": zipped({"/etc/x.csv": b"a\n1\n"}),
    "drive.zip": zipped({"C:/x.csv": b"a\n1\n"}),
    "backslash.tar": tarred({"..\\x.csv": b"a\n1\n"}),
    "link.zip": zip_link("x.csv", "/etc/passwd"),
    "dots.tar": tarred({"../x.csv": b"a\n1\n"}),
    "absolute.tar.gz": tarred({"/tmp/x.csv": b"a\n1\n"}, "w:gz"),
    "symlink.tar": tarred({"x": link("x", "/tmp"), "x/y.csv": b"a\n1\n"}),
    "hardlink.tar.xz": tarred({"x": link("x", "/etc/passwd", tarfile.LNKTYPE)}, "w:xz"),
    "device.tar.bz2": tarred({"x": link("x", "", tarfile.CHRTYPE)}, "w:bz2"),
    "pipe.tar": tarred({"x": link("x", "", tarfile.FIFOTYPE)}),
}


@pytest.mark.parametrize("name", ESCAPES)
def test_I18_unsafe_path(prepare, name):
    outcome = prepare({name: ESCAPES[name]})
    refused(outcome, "unsafe_path")
    left = {path.name for path in outcome.folder.parent.rglob("*") if path.is_file()}
    assert left <= {"order.json", "events.jsonl", "error.json", "upload-0"}


def test_A21_members_are_never_extracted_by_name(prepare):
    outcome = prepare({"a.zip": zipped({"sub/train.csv": makers.csv(), "sub/test.csv": makers.csv()})})
    assert outcome.status == 0
    assert not [path for path in outcome.folder.rglob("*") if path.name in ("train.csv", "test.csv", "sub")]


@pytest.mark.parametrize("name", ["a.zip", "a.tar.gz", "a.tar.xz", "a.csv.gz"])
def test_I19_bomb(prepare, name):
    import gzip

    zeros = {"a.csv": bytes(64_000_000)}
    content = zipped(zeros) if name == "a.zip" else gzip.compress(zeros["a.csv"]) if name == "a.csv.gz" else tarred(zeros, "w:" + name[6:])
    outcome = prepare({name: content})
    print(f"{name}: {outcome.seconds:.2f} s")
    refused(outcome, "too_large_unpacked")
    assert outcome.seconds <= 2


def test_A22_lying_sizes_and_overlap(prepare):
    whole = bytearray(zipped({"a.csv": b"a\n" + b"1\n" * 5000, "b.csv": b"a\n" + b"2\n" * 5000}, zipfile.ZIP_STORED))
    first = whole.find(b"PK\x01\x02")
    second = whole.find(b"PK\x01\x02", first + 4)
    overlapping = bytes(whole[: second + 42]) + struct.pack("<I", 5) + bytes(whole[second + 46 :])
    refused(prepare({"a.zip": overlapping}), "too_large_unpacked")


def test_I20_too_many_files(prepare):
    entry = struct.pack("<4s6H3I5H2I", b"PK\x01\x02", 20, 20, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) + b"x"
    directory = entry * 1_000_001
    # the count of the archive itself says one
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 1, 1, len(directory), 30, 0)
    outcome = prepare({"a.zip": b"PK\x03\x04" + bytes(26) + directory + end})
    print(f"{outcome.seconds:.2f} s")
    refused(outcome, "too_many_files")
    assert outcome.seconds <= 2


@pytest.mark.parametrize("inner", ["data.zip", "data.csv", "data.tar.gz"])
def test_I21_nested_archive(prepare, inner):
    refused(prepare({"a.zip": zipped({inner: zipped({"a.csv": makers.csv()})})}), "nested_archive")
    refused(prepare({"a.tar": tarred({inner: tarred({"a.csv": makers.csv()}, "w:gz")})}), "nested_archive")


def test_I22_encrypted_archive(prepare):
    content = bytearray(zipped({"a.csv": makers.csv()}))
    for magic, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.find(magic) + place] |= 1
    refused(prepare({"a.zip": bytes(content)}), "encrypted_archive")


@pytest.mark.parametrize(
    ("first", "second"), [("a.txt", "A.TXT"), (unicodedata.normalize("NFC", "é.txt"), unicodedata.normalize("NFD", "é.txt"))]
)
def test_I23_name_collision(prepare, first, second):
    for content in (zipped({first: b"x", second: b"y"}), tarred({first: b"x", second: b"y"})):
        message = refused(prepare({"a.pack": content}), "name_collision")["message"]
        assert first in message
        assert second in message


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz", "a.tar.bz2", "a.tar.xz"])
def test_cut_or_damaged_archive(prepare, name):
    import random

    noise = random.Random(0).randbytes(200_000)
    files = {"a.txt": noise.hex().encode(), "b.txt": noise[::-1].hex().encode()}
    whole = zipped(files) if name == "a.zip" else tarred(files, "w:" + name[6:] if name != "a.tar" else "w")
    refused(prepare({name: whole[: len(whole) * 2 // 3]}), "damaged_file")
    if name != "a.tar":  # a plain TAR has no sum over its contents
        broken = bytearray(whole)
        broken[len(whole) // 2] ^= 0xFF
        refused(prepare({name: bytes(broken)}), "damaged_file")


def test_A17_scripts_and_pickles_are_refused_by_name(prepare):
    for name in ("load.py", "sub/data.pkl", "model.pt", "x.npy"):
        assert name.split("/")[-1] in refused(prepare({"a.zip": zipped({"a.csv": makers.csv(), name: b"x"})}), "unsafe_format")["message"]


def test_archive_of_nothing_we_read(prepare):
    assert "x.doc" in refused(prepare({"a.zip": zipped({"x.doc": b"word"})}), "unsupported_format")["message"]
    refused(prepare({"a.xlsx": zipped({"[Content_Types].xml": b"<x/>", "xl/sheet.xml": b"<x/>"})}), "unsupported_format")
    refused(prepare({"a.7z": b"7z\xbc\xaf'\x1c" + bytes(50)}), "unsupported_format")


def test_I24_image_too_big(prepare):
    content = makers.huge_png(60_000)
    assert len(content) < 60_000
    outcome = prepare({"a.zip": zipped({**GOOD, "cats/big.png": content}, zipfile.ZIP_STORED)})
    assert "60000" in refused(outcome, "image_too_big")["message"]
    assert outcome.peak < 300 * 2**20


def test_I24_too_many_frames(prepare):
    refused(prepare({"a.zip": zipped({**GOOD, "cats/x.gif": makers.gif(100_000)}, zipfile.ZIP_STORED)}), "too_many_frames")
    assert prepare({"a.zip": zipped({**GOOD, "cats/x.gif": makers.gif(3)})}).status == 0


@pytest.mark.parametrize(
    "content", [b"<html><script>alert(1)</script></html>", b"<?xml version='1.0'?><svg xmlns='x'></svg>", b"\n <svg onload='x'/>"]
)
def test_I25_content_mismatch(prepare, content):
    refused(prepare({"a.zip": zipped({**GOOD, "cats/x.jpg": content})}), "content_mismatch")
    refused(prepare({"x.jpg": content}), "content_mismatch")


def test_I26_one_truncated_image_among_a_thousand(prepare):
    files = {f"{'cats' if i % 2 else 'dogs'}/{i}.jpg": image((8, 8), i, "JPEG") for i in range(999)}
    files["cats/cut.jpg"] = image((64, 64), 5, "JPEG")[:400]
    outcome = prepare({"pets.zip": zipped(files, zipfile.ZIP_STORED)})
    assert outcome.status == 0
    assert sum(outcome.result["splits"].values()) == 999
    assert [row["file"] for row in outcome.result["rejected"]] == ["cats/cut.jpg"]
    assert outcome.result["statistics"]["health"]["rejected"] == 1
    assert "1 file" in outcome.log


def test_I26_nothing_but_damaged_images(prepare):
    refused(prepare({"a.zip": zipped({"a/x.jpg": image(kind="JPEG")[:200], "b/y.png": image()[:40]})}), "damaged_file")


@pytest.mark.parametrize("sound", [makers.wav(rate=0), makers.wav(rate=10**9), makers.wav(rate=8000, claimed=8000 * 3600 * 100)])
def test_I27_bad_audio_header(prepare, sound):
    refused(prepare({"a.zip": zipped({"yes/1.wav": makers.wav(), "no/2.wav": sound})}), "bad_audio_header")


STRANGE = ["\u202egnp.csv", "a\nb.csv", "x" * 300 + ".csv", "CON", '"; filename="x.csv', "表 🎉.csv"]


@pytest.mark.parametrize("name", STRANGE)
def test_I28_strange_names_are_data(prepare, name):
    assert prepare({name: makers.csv()}).result["splits"] == {"train": 32, "validation": 4, "test": 4}
    assert prepare({name: b""}).error["loc"]["file"] == name


def test_I29_strange_names_inside_an_archive(prepare):
    files = {f"猫 🐈/{name[:200]}-{i}.png": image(colour=i) for i, name in enumerate(["\u202ex", "a\nb", "CON"])}
    outcome = prepare({"a.zip": zipped({**files, **{f"狗/{i}.png": image(colour=i + 9) for i in range(3)}})})
    assert outcome.result["classes"]["label"] == ["狗", "猫 🐈"]
