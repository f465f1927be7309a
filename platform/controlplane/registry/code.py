"""Which code this installation runs, for the lineage of what it makes."""

import functools
import os

from workers.contract.home import ROOT

VERSION = "0.1.0"


@functools.cache
def code_version() -> str:
    """`0.1.0+g2299415…`: the release, and the commit where the code is a checkout or the image was given `SLIPWAY_COMMIT`."""
    commit = os.environ.get("SLIPWAY_COMMIT") or _commit()
    return f"{VERSION}+g{commit[:12]}" if commit else VERSION


def _commit() -> str:
    """The commit of the checkout, read from its files; empty when there is none."""
    git = ROOT / ".git"
    try:
        if git.is_file():  # a worktree: its folder is named inside
            git = (ROOT / git.read_text().partition("gitdir:")[2].strip()).resolve()
        head = (git / "HEAD").read_text().strip()
        if not head.startswith("ref: "):
            return head
        name = head[5:]
        common = git / (git / "commondir").read_text().strip() if (git / "commondir").exists() else git
        for folder in (git, common):
            if (folder / name).exists():
                return (folder / name).read_text().strip()
        packed = (common / "packed-refs").read_text().splitlines()
        return next((line.split()[0] for line in packed if line.endswith(f" {name}")), "")
    except OSError:
        return ""
