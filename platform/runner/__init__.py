"""The parts of `up.py`: one process and its log, the process tree, the embedded Valkey, the claim on a home. Standard library only."""
