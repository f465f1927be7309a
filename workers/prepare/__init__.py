"""Readers of the files users bring. Run as `python -m workers.prepare <run folder>` in a fresh, limited interpreter without torch."""
