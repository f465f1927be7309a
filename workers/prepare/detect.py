"""What a file is, by its first bytes and its name. Content wins over the name."""

import re
from pathlib import Path, PurePosixPath

import orjson

from workers.contract.options import Split
from workers.prepare.problems import refuse

HEAD = 64 * 1024
ARCHIVE_ENDINGS = (".zip", ".tar", ".tgz", ".tbz2", ".txz", ".7z", ".rar", ".gz", ".bz2", ".xz", ".zst")
TABLE_ENDINGS = {".csv": "csv", ".tsv": "tsv", ".tab": "tsv", ".json": "json", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}
TEXT_ENDINGS = (".txt", ".text")
IMAGE_ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff")
AUDIO_ENDINGS = (".wav", ".flac", ".ogg", ".oga", ".opus")
UNSAFE_ENDINGS = (
    ".py",
    ".pyc",
    ".pkl",
    ".pickle",
    ".pt",
    ".pth",
    ".ckpt",
    ".bin",
    ".joblib",
    ".npy",
    ".npz",
    ".h5",
    ".hdf5",
    ".keras",
    ".msgpack",
)
_SPLIT_WORDS: dict[str, Split] = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "dev", "eval"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}  # fmt: skip

_PAGE = re.compile(r"<!doctype html|<html[\s>]", re.IGNORECASE)


def ending(name: str) -> str:
    """The last suffix of a user's file name, lower case."""
    return PurePosixPath(name.replace("\\", "/")).suffix.lower()


def container(head: bytes) -> str | None:
    """zip, tar, gzip, bzip2, xz or a packed format we refuse (7z, rar, zstd), by magic bytes."""
    for magic, kind in (
        (b"PK\x03\x04", "zip"),
        (b"PK\x05\x06", "zip"),
        (b"\x1f\x8b", "gzip"),
        (b"BZh", "bzip2"),
        (b"\xfd7zXZ\x00", "xz"),
        (b"7z\xbc\xaf'\x1c", "7z"),
        (b"Rar!\x1a\x07", "rar"),
        (b"\x28\xb5\x2f\xfd", "zstd"),
    ):
        if head.startswith(magic):
            return kind
    return "tar" if head[257:262] == b"ustar" else None


def media(head: bytes) -> str | None:
    """image or audio, by magic bytes."""
    if head.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"BM", b"II*\x00", b"MM\x00*")):
        return "image"
    if head.startswith((b"fLaC", b"OggS")):
        return "audio"
    if head.startswith(b"RIFF"):
        return {b"WEBP": "image", b"WAVE": "audio"}.get(head[8:12])
    return None


def split_of(name: str) -> Split | None:
    """The split a file or folder name speaks of, when exactly one of its words does: `train.csv`, `reviews_test-00000.parquet`."""
    stem = PurePosixPath(name.replace("\\", "/")).name.split(".")[0].lower()
    found = {_SPLIT_WORDS[word] for word in re.split(r"[^a-z]+", stem) if word in _SPLIT_WORDS}
    return found.pop() if len(found) == 1 else None


def split_word(value: str) -> Split | None:
    """The split a whole word names, as in a split column or a folder."""
    return _SPLIT_WORDS.get(value.strip().lower())


def text_format(head: str, name: str, complete: bool) -> str:
    """csv, tsv, json, jsonl or txt for a text file. head: its start; complete: it is the whole file."""
    by_name = TABLE_ENDINGS.get(ending(name))
    start = head.lstrip()
    if by_name and _PAGE.match(start):
        hint = "download the file itself; a page that asks to sign in or says that the file is gone is often saved in its place"
        refuse("content_mismatch", f"{name} is a web page, not {by_name.upper()}", hint, file=name)
    if by_name in ("csv", "tsv"):
        return by_name
    if ending(name) in TEXT_ENDINGS:
        return "txt"
    if start.startswith("["):
        return "jsonl" if by_name == "jsonl" else "json"
    if start.startswith("{"):
        return _object_or_lines(start, by_name, complete)
    if by_name:
        return by_name
    first = start.split("\n", 1)[0]
    return "tsv" if "\t" in first else "csv" if any(mark in first for mark in ",;|") else "txt"


def _object_or_lines(start: str, by_name: str | None, complete: bool) -> str:
    """JSON Lines when the first line closes the object it opens and something follows, or when the name says so."""
    line, _, rest = start.partition("\n")
    try:
        whole = isinstance(orjson.loads(line), dict)
    except orjson.JSONDecodeError:
        whole = False
    if by_name == "jsonl":
        return "jsonl"
    return "jsonl" if whole and (rest.strip() or not complete or by_name is None) else "json"


def read_head(path: Path) -> bytes:
    with open(path, "rb") as file:
        return file.read(HEAD)


def refuse_packed(kind: str, name: str) -> None:
    """Stop at archives we do not open."""
    if kind in ("7z", "rar", "zstd"):
        refuse("unsupported_format", f"{name} is a {kind} archive", "pack it as ZIP, TAR or TAR.GZ", file=name)
