"""Traces: search, lists, and one trace as a story."""
