"""What both planes agree on. Standard library and pydantic only; importing this package alone imports nothing."""
