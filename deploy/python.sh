#!/bin/sh
# Prints a Python this platform runs on, with venv; else ends with the command that brings one.
for python in "${PYTHON:-}" python3.11 python3.12 python3 /usr/bin/python3.11; do
    if [ -n "$python" ] && "$python" -c 'import sys, ensurepip, venv; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))' 2>/dev/null; then
        command -v "$python"
        exit 0
    fi
done
echo "Slipway needs Python 3.11 or 3.12 with venv, and found none. On Debian or Ubuntu bring it with:" >&2
echo "    sudo apt-get update && sudo apt-get install -y python3 python3-venv" >&2
exit 1
