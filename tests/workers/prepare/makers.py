"""Files as people and attackers make them, built in memory."""

import io
import json
import struct
import tarfile
import zipfile
import zlib

from PIL import Image


def csv(rows: int = 40, header: str = "text,label", line: str = "text {i},{c}") -> bytes:
    lines = [header, *(line.format(i=i, c="ab"[i % 2]) for i in range(rows))]
    return ("\n".join(lines) + "\n").encode()


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return out.getvalue()


def tarred(files: dict[str, bytes | tarfile.TarInfo], mode: str = "w") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:  # type: ignore[call-overload]
        for name, data in files.items():
            if isinstance(data, tarfile.TarInfo):
                archive.addfile(data)
                continue
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def image(size: tuple[int, int] = (16, 12), colour: int = 0, kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, (colour % 256, 90, 30)).save(out, kind)
    return out.getvalue()


def huge_png(side: int) -> bytes:
    """A header that claims side × side pixels; the picture itself is a few kilobytes of zeros."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(30_000_000), 9)) + chunk(b"IEND", b"")


def gif(frames: int) -> bytes:
    frame = b"\x2c\0\0\0\0\1\0\1\0\0" + b"\2" + b"\2\x44\1" + b"\0"
    return b"GIF89a\1\0\1\0\x80\0\0\0\0\0\xff\xff\xff" + frame * frames + b"\x3b"


def wav(rate: int = 16000, seconds: float = 0.1, claimed: int | None = None) -> bytes:
    """8-bit mono. claimed: bytes the data chunk says it has."""
    data = bytes(int(min(rate, 16000) * seconds))
    form = struct.pack("<HHIIHH", 1, 1, rate, rate, 1, 8)
    body = b"WAVEfmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", len(data) if claimed is None else claimed) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


def safetensors(tensors: dict[str, tuple[list[int], list[int]]] | None = None, data: int = 16) -> bytes:
    """F32 tensors: name -> (shape, [start, end])."""
    tensors = tensors if tensors is not None else {"a": ([2], [0, 8]), "b": ([2], [8, 16])}
    header = {name: {"dtype": "F32", "shape": shape, "data_offsets": place} for name, (shape, place) in tensors.items()}
    raw = json.dumps(header).encode()
    return struct.pack("<Q", len(raw)) + raw + bytes(data)


def model(**files: bytes | None) -> dict[str, bytes]:
    """A small model folder; keyword `config_json=…` replaces `config.json`, None leaves it out."""
    found: dict[str, bytes | None] = {
        "config.json": json.dumps({"model_type": "bert", "vocab_size": 100, "architectures": ["BertModel"]}).encode(),
        "model.safetensors": safetensors(),
        "README.md": "# 模型\n说明 🎉".encode(),
    }
    found |= {
        name.replace("__", "/").replace("_json", ".json").replace("_safetensors", ".safetensors"): data for name, data in files.items()
    }
    return {name: data for name, data in found.items() if data is not None}
