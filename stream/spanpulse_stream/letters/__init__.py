"""Dead letters after they were written: how they are named, told to others, looked at and sent again."""

from spanpulse_stream.letters._asked import Asked, filters_of
from spanpulse_stream.letters._letter import Filters, Letter, letters_sql, listed_sql
from spanpulse_stream.letters._notes import REPLAYS, LetterStore
from spanpulse_stream.letters._position import WHOLE_MESSAGE, Position
from spanpulse_stream.letters._published import letter_messages
from spanpulse_stream.letters._request import NotReplayable, request_of
from spanpulse_stream.letters._run import LetterLog, Replay

__all__ = [
    "REPLAYS",
    "WHOLE_MESSAGE",
    "Asked",
    "Filters",
    "Letter",
    "LetterLog",
    "LetterStore",
    "NotReplayable",
    "Position",
    "Replay",
    "filters_of",
    "letter_messages",
    "letters_sql",
    "listed_sql",
    "request_of",
]
