"""Requests, answers and a log for the tests of the receiver."""
