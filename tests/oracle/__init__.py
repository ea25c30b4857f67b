"""A reference decoder on protobuf's own classes, and the columns of ours in the same shape, so that both compare."""

from oracle.compare import KEYS, assert_equal
from oracle.corpus import corpus_bodies
from oracle.mutate import mutate
from oracle.reference import Expected, expect, varint, wire_fields

__all__ = ["KEYS", "Expected", "assert_equal", "corpus_bodies", "expect", "mutate", "varint", "wire_fields"]
