"""Pictures: decoded once to small squares of bytes, kept in memory or, when they are many, in a file; varied a little while training."""

import io
import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps

from workers.contract.names import IMAGE_PIXELS_MAX, GiB
from workers.contract.recipe import Run, UserError
from workers.lib import labels

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")
IN_MEMORY = 1 * GiB
LOOK_AT = 256  # pictures, to choose a size
CHUNK = 256  # rows read at a time

Pixels = NDArray[np.uint8]


def opened(data: bytes, row: int = 0) -> Image.Image:
    """An RGB picture, turned upright. Raises UserError `bad_image`, or `too_large` before anything is decoded."""
    place = {"row": row, "field": "inputs"}
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            if image.width * image.height > IMAGE_PIXELS_MAX:
                limit = f"{IMAGE_PIXELS_MAX // 1_000_000} megapixels"
                raise UserError(
                    "too_large", f"row {row}: {image.width} x {image.height} pixels, the limit is {limit}", "Send it smaller.", place
                )
            upright = ImageOps.exif_transpose(image)
            if upright.mode in ("RGBA", "LA", "P", "PA"):  # what is transparent is white
                layered = upright.convert("RGBA")
                upright = Image.alpha_composite(Image.new("RGBA", layered.size, "white"), layered)
            return upright.convert("RGB")
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, OverflowError) as error:
        raise UserError(
            "bad_image", f"row {row}: not a readable PNG, JPEG, WebP, GIF or BMP: {error}", "Send the file's bytes.", place
        ) from error


def square(image: Image.Image, size: int) -> Pixels:
    """(size, size, 3), resized without regard to its shape, as Hugging Face's processors do."""
    return np.asarray(image.resize((size, size), Image.Resampling.BILINEAR))


def bytes_of(cell: Any) -> bytes | None:
    """The encoded picture of a dataset cell {bytes, path}."""
    found = cell.get("bytes") if isinstance(cell, dict) else cell
    return found if isinstance(found, bytes) and found else None


def common_size(run: Run) -> int:
    """A side for training from scratch: the median picture's longer one, as the next multiple of 32 between 32 and 224."""
    sides: list[int] = []
    for batch in run.batches("train", LOOK_AT):
        sides += [side for side in map(_longer_side, batch["image"]) if side]
        if len(sides) >= LOOK_AT:
            break
    middle = sorted(sides)[len(sides) // 2] if sides else 224
    return min(224, max(32, math.ceil(middle / 32) * 32))


def _longer_side(cell: Any) -> int:
    """In pixels, by the picture's header; 0 when it cannot be read."""
    try:
        with Image.open(io.BytesIO(bytes_of(cell) or b""), formats=FORMATS) as image:
            return max(image.size)
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, OverflowError):
        return 0


class Split(NamedTuple):
    """pixels: (rows, size, size, 3) uint8 · targets: (rows,) int64 class indices · numbers: (rows,) each row's place in the split."""

    pixels: Pixels
    targets: NDArray[np.int64]
    numbers: NDArray[np.int64]


def read(run: Run, split: str, size: int, names: list[str], folder: Path) -> Split:
    """Decode the split once. Pictures that cannot be read and rows without a known label are left out and counted in the log.

    Raises UserError `no_rows`.
    """
    rows = run.splits[split]
    shape = (rows, size, size, 3)
    large = math.prod(shape) > IN_MEMORY
    pixels: Pixels = np.lib.format.open_memmap(folder / f"{split}.npy", "w+", np.uint8, shape) if large else np.empty(shape, np.uint8)
    targets, places = np.empty(rows, np.int64), np.empty(rows, np.int64)
    count = seen = 0
    with ThreadPoolExecutor(max(1, run.threads)) as pool:
        for cells, numbers in _chunks(run, split, names):
            for at, (found, number) in enumerate(zip(pool.map(lambda cell: _decoded(cell, size), cells), numbers, strict=True)):
                if found is not None and number >= 0:
                    pixels[count], targets[count], places[count] = found, number, seen + at
                    count += 1
            seen += len(cells)
    if not count:
        hint = "Check that the roles image and label point at the right columns."
        raise UserError("no_rows", f"the split {split} has no row with both picture and label", hint, {"split": split})
    if count < seen:
        run.log(f"{split}: {seen - count} of {seen} rows have no readable picture or no known label and are left out", "warning")
    run.log(f"{split}: {count} pictures at {size} x {size}" + (", kept on disk" if large else ""))
    return Split(pixels[:count], targets[:count], places[:count])


def _chunks(run: Run, split: str, names: list[str]) -> Iterator[tuple[list[Any], list[int]]]:
    for batch in run.batches(split, CHUNK):
        yield batch["image"], labels.indices(batch["label"], names, run.classes)


def _decoded(cell: Any, size: int) -> Pixels | None:
    data = bytes_of(cell)
    try:
        return square(opened(data), size) if data else None
    except UserError:
        return None


def statistics(pixels: Pixels) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of each channel, of values in 0..1, over at most 2,000 pictures."""
    some = np.asarray(pixels[:: max(1, len(pixels) // 2000)], np.float32) / 255
    return some.mean((0, 1, 2)).round(4).tolist(), np.maximum(some.std((0, 1, 2)), 0.05).round(4).tolist()


def tensor(pixels: Pixels, mean: list[float], std: list[float], device: torch.device) -> torch.Tensor:
    """(rows, 3, size, size) normalised floats in channels-last memory, the order a CPU's convolutions like."""
    found = torch.tensor(pixels, device=device).permute(0, 3, 1, 2).float() / 255
    centre, spread = (torch.tensor(values, device=device).view(1, 3, 1, 1) for values in (mean, std))
    return (found - centre) / spread


def varied(batch: torch.Tensor, strength: float, flip: bool) -> torch.Tensor:
    """Each picture a little turned, moved, scaled and lit otherwise. strength: 1 = up to 10 degrees, 8 %, 10 %, 20 %."""
    rows, device = len(batch), batch.device
    turn, scale, x, y = (
        (torch.rand(4, rows, device=device) * 2 - 1) * torch.tensor([[0.175], [0.1], [0.16], [0.16]], device=device) * strength
    )
    size = 1 / (1 + scale)
    mirror = torch.where(torch.rand(rows, device=device) < 0.5, -1.0, 1.0) if flip else torch.ones(rows, device=device)
    first = torch.stack([turn.cos() * size * mirror, -turn.sin() * size, x], 1)
    second = torch.stack([turn.sin() * size * mirror, turn.cos() * size, y], 1)
    grid = torch.nn.functional.affine_grid(torch.stack([first, second], 1), list(batch.shape), align_corners=False)
    moved = torch.nn.functional.grid_sample(batch, grid, padding_mode="border", align_corners=False)
    light = 1 + (torch.rand(rows, 1, 1, 1, device=device) * 2 - 1) * 0.2 * strength
    return moved * light
