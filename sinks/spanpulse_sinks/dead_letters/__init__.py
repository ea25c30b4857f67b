"""Dead letters: what could not be read, with the reason, its place in the log and its bytes."""

from spanpulse_sinks.dead_letters._rows import MAX_BYTES, DeadLetter, dead_letter_rows

__all__ = ["MAX_BYTES", "DeadLetter", "dead_letter_rows"]
