"""What a library says when it cannot open a folder, in words for people: its first sentence, without this machine's paths."""

from pathlib import Path

LONGEST = 200  # characters


def said(error: Exception, folder: Path) -> str:
    """The first line of `error`, with `folder` called "the folder" and cut at a sentence."""
    text = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
    text = text.replace(f"'{folder}'", "the folder").replace(str(folder), "the folder")
    first = text.split(". ")[0]
    return first if len(first) <= LONGEST else first[: LONGEST - 1] + "…"
