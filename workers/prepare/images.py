"""Images of strangers: what the header says is checked before anything is decoded, then the whole picture is decoded once."""

import io
import warnings
from typing import NamedTuple

from PIL import Image, ImageFile, UnidentifiedImageError

from workers.contract.names import IMAGE_FRAMES_MAX, IMAGE_PIXELS_MAX
from workers.prepare.problems import excerpt, refuse

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")
Image.MAX_IMAGE_PIXELS = None  # checked here, before decoding, and named with its size
ImageFile.LOAD_TRUNCATED_IMAGES = False


class Look(NamedTuple):
    """What a picture is. mode: Pillow's name of its pixels (L, RGB, RGBA, P …)."""

    format: str
    width: int
    height: int
    mode: str


class Damaged(Exception):
    """One picture that cannot be decoded: left out and listed, no reason to refuse the others."""


def look(data: bytes, name: str) -> Look:
    """Decode one image. Raises Damaged for a cut or broken one, UserError for one that no honest user has."""
    if data.lstrip()[:1] == b"<":
        kind = "SVG" if b"<svg" in data[:4096].lower() else "HTML or XML"
        refuse("content_mismatch", f"{excerpt(name)} is {kind}, not an image", "convert it to PNG, JPEG or WebP", file=name)
    if data[8:12] == b"WEBP":
        _check_size(*webp_size(data), name)  # its decoder takes memory when it opens
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                found = Look(image.format or "", image.width, image.height, image.mode)
                _check(found, data, name, image)
                image.load()
                return found
        except UnidentifiedImageError as error:
            raise Damaged("it is not a PNG, JPEG, WebP, GIF or BMP image") from error
        except (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, OverflowError) as error:
            raise Damaged(f"it cannot be decoded: {error}") from error


def _check(found: Look, data: bytes, name: str, image: Image.Image) -> None:
    _check_size(found.width, found.height, name)
    frames = gif_frames(data) if found.format == "GIF" else getattr(image, "n_frames", 1)
    if frames > IMAGE_FRAMES_MAX:
        refuse("too_many_frames", f"{excerpt(name)} has more than {IMAGE_FRAMES_MAX} frames", "keep the frames you need", file=name)


def _check_size(width: int, height: int, name: str) -> None:
    if width * height > IMAGE_PIXELS_MAX:
        message = f"{excerpt(name)} has {width} × {height} pixels; {IMAGE_PIXELS_MAX // 1_000_000} megapixels are allowed"
        refuse("image_too_big", message, "make it smaller and pack it again", file=name)


def webp_size(data: bytes) -> tuple[int, int]:
    """Width and height by the first chunk; (0, 0) when it is cut."""
    if len(data) < 30:
        return 0, 0
    if data[12:16] == b"VP8X":
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if data[12:16] == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    return int.from_bytes(data[26:28], "little") & 0x3FFF, int.from_bytes(data[28:30], "little") & 0x3FFF


def gif_frames(data: bytes) -> int:
    """Frames of a GIF, counted block by block without decoding; stops one above the limit."""
    at = 13 + _palette(data, 10)
    frames = 0
    while at < len(data) and frames <= IMAGE_FRAMES_MAX:
        if data[at] == 0x2C:
            frames += 1
            at += 10 + _palette(data, at + 9) + 1
        elif data[at] == 0x21:
            at += 2
        else:
            break
        while at < len(data) and data[at]:
            at += data[at] + 1
        at += 1
    return frames


def _palette(data: bytes, at: int) -> int:
    """Bytes of the colour table whose flags stand at `at`."""
    flags = data[at] if at < len(data) else 0
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0
