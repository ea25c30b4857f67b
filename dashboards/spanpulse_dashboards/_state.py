"""Models of the process behind the page: what became of the data, whether something is new."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from spanpulse_dashboards._models import Model

__all__ = ["Completeness", "Counts", "DeadLetters", "Live", "Server", "Trouble"]


class Server(Model):
    """The process that answers."""

    version: str = Field(description="of spanpulse")
    time: datetime = Field(description="its clock, UTC")
    presets: list[str] = Field(description="the time ranges by name")
    filters: list[str] = Field(description="the filters of a scope")


class Live(Model):
    """Whether asking again would give something else."""

    version: str = Field(description="as in the answers of the same scope; another one: ask again")
    next_seconds: float = Field(description="when to ask here again, seconds from now")
    time: datetime = Field(description="the server's clock, UTC")
    still_arriving: bool = Field(description="whether accepted data is more than some seconds behind")
    lag_seconds: float = Field(description="age of the oldest accepted record that is not stored yet")
    lag_records: int = Field(description="accepted records that are not stored yet")


class Counts(Model):
    """What became of all records that were ever offered. accepted = stored + duplicate + ... + pending."""

    offered: int = Field(description="records accepted, and refused since the start")
    accepted: int = Field(description="records durable in the log")
    stored: int = Field(description="records stored")
    duplicate: int = Field(description="records that had been stored before")
    dead_lettered: int = Field(description="records that could not be read, kept with the reason")
    filtered: int = Field(description="records left out by the keep policy")
    pending: int = Field(description="records accepted and not yet processed")
    unjoined: int = Field(description="records stored that came too late to be joined with what they belong to")
    refused: int = Field(description="records refused since the start")
    unaccounted: int = Field(description="what is left of the equation; anything but 0 is a loss")


class Trouble(Model):
    """Something that keeps the process from its work."""

    reason: str = Field(description="a word")
    detail: str = Field(description="what it is")


class DeadLetters(Model):
    """What could not be read for one reason, and is kept."""

    reason: str = Field(description="a word")
    signal: str = Field(description="traces or logs")
    letters: int = Field(description="dead letters; one may be a message of several records")
    newest: datetime = Field(description="when the last of them was received, UTC")
    detail: str = Field(description="what exactly was wrong with the last of them; its beginning")


class Completeness(Model):
    """The completeness box: is all there, and if not, what is missing."""

    verdict: Literal["complete", "unreadable", "arriving", "troubled", "incomplete"] = Field(
        description="everything accounted for and stored; but for what could not be read; on its way; the process has"
        " trouble; records are missing"
    )
    ready: bool = Field(description="whether the process does its work")
    trouble: list[Trouble]
    counts: Counts
    dead_letters: list[DeadLetters] = Field(description="by reason, newest first, at most 20; those that are kept")
    refused_requests: dict[str, int] = Field(description="HTTP status -> requests refused since the start")
    lag_seconds: float = Field(description="age of the oldest record that is pending")
    lag_bytes: int = Field(description="bytes that are pending")
    accepted_per_second: float = Field(description="records accepted a second, over the last minutes")
    requests_beyond_cap: dict[str, int] = Field(description="dimension -> requests of a day under `__other__`")
    disk_free_bytes: int = Field(description="bytes")
    database_bytes: int = Field(description="bytes")
    log_bytes: int = Field(description="bytes")
    uptime_seconds: float = Field(description="seconds")
