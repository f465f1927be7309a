"""The control plane: web, REST, websockets, the inference gateway, the database. Never a machine-learning library."""
