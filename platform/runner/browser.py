"""Brings a Chromium for the browser's tests: Debian's package as root, else its packages unpacked under .tools, else playwright's own.

Nothing is asked. Each way that fails is told with its reason, and the next one is tried; when none works the status is 1.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TARGET = ROOT / ".tools/chromium"
PACKAGES = ("chromium", "fonts-wqy-zenhei")
LAUNCHER = """#!/bin/sh
here=$(dirname "$(readlink -f "$0")")
export LD_LIBRARY_PATH="$here/root/usr/lib/{triplet}:$here/root/lib/{triplet}:$here/root/usr/lib/chromium"
export FONTCONFIG_FILE="$here/fonts.conf"
export XDG_DATA_DIRS="$here/root/usr/share:/usr/share"
exec "$here/root/usr/lib/chromium/chromium" --no-sandbox "$@"
"""
FONTS = """<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>{root}/usr/share/fonts</dir><dir>/usr/share/fonts</dir><cachedir>{target}/fonts-cache</cachedir></fontconfig>
"""


def run(*command: str, **env: str) -> str:
    """Run one command and return its stdout; raises RuntimeError with the end of what it said."""
    done = subprocess.run(command, env=os.environ | env, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[:3])} … ended with status {done.returncode}: {done.stderr.strip()[-400:]}")
    return done.stdout


def as_root() -> str:
    """Debian's package, as any administrator would install it."""
    if os.getuid() != 0:
        raise RuntimeError("not root")
    run("apt-get", "update", "-qq")
    run("apt-get", "install", "-y", "-qq", "--no-install-recommends", *PACKAGES, DEBIAN_FRONTEND="noninteractive")
    return shutil.which("chromium") or ""


def unpacked() -> str:
    """Debian's packages and all they need, fetched with apt's own keys into private folders and unpacked without root."""
    apt = TARGET / "apt"
    for folder in ("lists/partial", "cache/archives/partial"):
        (apt / folder).mkdir(parents=True, exist_ok=True)
    options = [f"Dir::State={apt}", f"Dir::State::lists={apt}/lists", "Dir::State::status=/var/lib/dpkg/status"]
    options += [f"Dir::Cache={apt}/cache", "Debug::NoLocking=true", "APT::Sandbox::User="]
    command = ["apt-get", "-qq", *(part for option in options for part in ("-o", option))]
    run(*command, "update")
    run(*command, "install", "-y", "--no-install-recommends", "--download-only", *PACKAGES)
    root = TARGET / "root"
    for package in sorted((apt / "cache/archives").glob("*.deb")):
        run("dpkg-deb", "-x", str(package), str(root))
    shutil.rmtree(apt)
    triplet = f"{os.uname().machine}-linux-gnu"
    (TARGET / "fonts.conf").write_text(FONTS.format(root=root, target=TARGET))
    launcher = TARGET / "chromium"
    launcher.write_text(LAUNCHER.format(triplet=triplet))
    launcher.chmod(0o755)
    run(str(launcher), "--version")
    return str(launcher)


def playwright() -> str:
    """The build that playwright offers for its own version."""
    run(sys.executable, "-m", "playwright", "install", "--only-shell", "chromium")
    return "playwright's own"


def main() -> int:
    """Try the ways in order."""
    for way in (as_root, unpacked, playwright):
        try:
            print(f"Chromium: {way()}")
            return 0
        except (RuntimeError, OSError) as fault:
            print(f"Chromium, {way.__name__}: {fault}", file=sys.stderr)
    print("No Chromium could be brought. As root: apt-get install -y chromium", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
