"""Images of strangers: what the header says is checked before anything is decoded, then the whole picture is decoded once."""

import io
import warnings
from typing import NamedTuple, NoReturn

from PIL import Image, ImageFile, UnidentifiedImageError

from workers.contract.names import IMAGE_FRAMES_MAX, IMAGE_PIXELS_MAX
from workers.prepare.problems import excerpt, refuse

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")
Image.MAX_IMAGE_PIXELS = IMAGE_PIXELS_MAX
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
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                found = Look(image.format or "", image.width, image.height, image.mode)
                _check(found, data, name, image)
                image.load()
                return found
        except Image.DecompressionBombError:
            _too_big(name, "more than twice the limit")
        except UnidentifiedImageError as error:
            raise Damaged("it is not a PNG, JPEG, WebP, GIF or BMP image") from error
        except (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, OverflowError) as error:
            raise Damaged(f"it cannot be decoded: {error}") from error


def _check(found: Look, data: bytes, name: str, image: Image.Image) -> None:
    if found.width * found.height > IMAGE_PIXELS_MAX:
        _too_big(name, f"{found.width} × {found.height} pixels")
    frames = gif_frames(data) if found.format == "GIF" else getattr(image, "n_frames", 1)
    if frames > IMAGE_FRAMES_MAX:
        refuse("too_many_frames", f"{excerpt(name)} has more than {IMAGE_FRAMES_MAX} frames", "keep the frames you need", file=name)


def _too_big(name: str, size: str) -> NoReturn:
    megapixels = IMAGE_PIXELS_MAX // 1_000_000
    refuse(
        "image_too_big", f"{excerpt(name)} has {size}; {megapixels} megapixels are allowed", "make it smaller and pack it again", file=name
    )


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
