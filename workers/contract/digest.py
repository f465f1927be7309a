"""How the bytes a user uploaded are named: both planes must come to the same digest. Standard library only."""

import hashlib
from collections.abc import Iterable


def content_digest(files: Iterable[tuple[str, str]]) -> str:
    """The sha256 of an upload from its (name, sha256 in hex) pairs.

    One file: its own. Several: of the sorted lines "sha256, two spaces, name", each ended by a newline, as `sha256sum` prints them.
    """
    pairs = list(files)
    if len(pairs) == 1:
        return pairs[0][1]
    lines = sorted(f"{digest}  {name}\n" for name, digest in pairs)
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogatepass")).hexdigest()
