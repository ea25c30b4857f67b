"""Checks of `compose/` that need no container: files against schemas and tools, settings against the model."""
