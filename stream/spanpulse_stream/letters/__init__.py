"""Dead letters after they were written: how they are named, told to others, looked at and sent again."""

from spanpulse_stream.letters._position import WHOLE_MESSAGE, Position
from spanpulse_stream.letters._published import letter_messages

__all__ = ["WHOLE_MESSAGE", "Position", "letter_messages"]
