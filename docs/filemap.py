"""Writes README.md's map, every file in one line, from the files' own first words; with `check` it only says whether the map is true.

A line comes from the docstring or the first comment. Pages and parts in HTML have telling names and are listed by folder.
"""

import ast
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BEGIN, END = "<!-- map: written by docs/filemap.py -->\n", "<!-- end of map -->\n"
SAID = {
    "LICENSE": "Apache-2.0",
    "apps.py": "the room as Django loads it",
    "README.md": "this page",
    "package.json": "the front end's packages, pinned",
    "tsconfig.json": "TypeScript, strict",
    "pyproject.toml": "the tools' settings, and the import rules",
    "CHANGELOG.md": "what a user notices, newest first",
    "CONTRIBUTING.md": "how we write, and where things go",
}
SKIPPED = re.compile(r"migrations/|package-lock\.json|\.gitignore|\.dockerignore|\.npmrc|README\.md|\.po$|\.png$|tests/.*requirements")


def files() -> list[str]:
    """Every tracked file that is worth a line."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    return sorted(name for name in listed if name and not SKIPPED.search(name) and (ROOT / name).is_file() and (ROOT / name).stat().st_size)


def sentence(name: str) -> str:
    """What the file says of itself: its first sentence, without the closing dot."""
    path = ROOT / name
    if said := SAID.get(name) or SAID.get(path.name):
        return said
    text = path.read_text()
    if path.suffix == ".py":
        words = ast.get_docstring(ast.parse(text)) or ""
    elif path.suffix == ".md":
        return next((line.lstrip("# ") for line in text.splitlines() if line.startswith("#")), "")
    else:
        found = re.match(r"(?:#!.*\n)?(?:/// .*\n)*\s*(?:#|//|/\*)\s*((?:.+\n(?:(?:#|//)\s*)?)+?)", text)
        words = found[1].removesuffix("*/\n") if found else ""
    first = re.split(r"(?<=[.。])\s", " ".join(words.split("\n\n")[0].split()))[0]
    return re.sub(r"\s(?:#|//)\s", " ", first).rstrip(".:# ").replace("<", "&lt;")


def lines() -> list[str]:
    """The map, folder by folder."""
    folders: dict[str, list[str]] = {}
    for name in files():
        folders.setdefault(str(Path(name).parent), []).append(name)
    out = []
    for folder, names in sorted(folders.items(), key=lambda item: (item[0] != ".", item[0])):
        out += ["", f"**{'/' if folder == '.' else folder + '/'}**", ""]
        pages = [Path(name).name for name in names if name.endswith(".html")]
        for name in names:
            if not name.endswith(".html"):
                said = sentence(name)
                out.append(f"- [{Path(name).name}]({name})" + (f" — {said}" if said else ""))
        if pages:
            out.append(f"- {', '.join(pages)}")
    return [*out, ""]


def main(arguments: list[str]) -> int:
    """Write the map, or check it; status 1 when it is not true."""
    readme = ROOT / "README.md"
    text = readme.read_text()
    before, _, rest = text.partition(BEGIN)
    new = before + BEGIN + "\n".join(lines()) + "\n" + END + rest.partition(END)[2]
    if arguments == ["check"]:
        if new != text:
            print("README.md's map is not true any more. Write it with: python docs/filemap.py")
        return int(new != text)
    readme.write_text(new)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
