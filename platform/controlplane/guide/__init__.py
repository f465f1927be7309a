"""The user guide as pages of the product: docs/guide in the reader's language, in the same frame. A leaf without rows of its own."""
