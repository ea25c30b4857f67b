"""The settings that one process on one machine has, of which most hold for the processes of a cluster as well."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints

__all__ = ["EXPECTED", "GIB", "MIB", "HostName", "LocalSettings"]

MIB = 1024 * 1024
GIB = 1024 * MIB
Port = Annotated[int, Field(ge=0, le=65535)]
ContentPolicy = Annotated[str, StringConstraints(pattern=r"^(full|none|truncate [1-9][0-9]{0,6})$")]

WebToken = Annotated[SecretStr, Field(min_length=16, max_length=512)]
HostName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]{0,252})$")]
RootPath = Annotated[str, StringConstraints(pattern=r"^((/[A-Za-z0-9_-][A-Za-z0-9._~-]{0,63}){1,8})?$")]
ORIGIN = r"^(\*|https?://([A-Za-z0-9][A-Za-z0-9._-]{0,252}|\[[0-9A-Fa-f:.]{2,45}\])(:[1-9][0-9]{0,4})?)$"
Origin = Annotated[str, StringConstraints(pattern=ORIGIN)]  # as browsers send it: names in ASCII
EXPECTED = {
    "content": "full, none, or truncate N, where N is a number of characters",
    "web_token": "16 to 512 characters long",
    "web_hosts": "names like spanpulse.example.com, without scheme and port",
    "web_root_path": "a path like /spanpulse, without a slash at its end",
    "cors_origins": "origins like https://app.example.com, or *",
}
"""What the text of a setting must be, for messages."""


class LocalSettings(BaseModel):
    """Sizes are bytes, times are seconds, retention is days."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    data: Path = Field(Path(".spanpulse"), description="folder of the log and the database")
    host: str = Field("127.0.0.1", description="address for OTLP; any but loopback needs api_keys")
    web_host: str = Field("127.0.0.1", description="address for the page; any but loopback needs web_token")
    otlp_http: Port = Field(4318, description="port of OTLP/HTTP; 0 takes a free one")
    otlp_grpc: Port = Field(4317, description="port of OTLP/gRPC; 0 takes a free one")
    web: Port = Field(8642, description="port of /metrics, /healthz, /readyz and the page; 0 takes a free one")
    web_token: WebToken | None = Field(
        None, description="what a visitor of the page must know; /metrics, /healthz, /readyz ask for nothing"
    )
    web_hosts: tuple[HostName, ...] = Field(
        (), description="names of the page beside localhost, separated by commas: spanpulse.example.com"
    )
    web_root_path: RootPath = Field("", description="prefix of the page behind a proxy: /spanpulse")
    api_keys: tuple[SecretStr, ...] = Field(
        (), description="OTLP keys as tenant:sha256hex of the key, separated by commas"
    )
    cors_origins: tuple[Origin, ...] = Field(
        (), description="web pages that may send OTLP: https://app.example.com, separated by commas; * for all"
    )

    content: ContentPolicy = Field("full", description="texts to keep: full, none, or truncate N characters")
    keep: Literal["all", "llm_traces"] = Field("all", description="spans to keep: all, or traces with a model call")
    prices: Path | None = Field(None, description="YAML file with prices that override the price book")

    retention_spans_days: int = Field(30, ge=1, le=3650, description="days that spans, texts and scores are kept")
    retention_rollups_days: int = Field(400, ge=1, le=3650, description="days that rollups are kept")
    retention_dead_letters_days: int = Field(90, ge=1, le=3650, description="days that dead letters are kept")

    partitions: int = Field(1, ge=1, le=64, description="partitions of the local log")
    log_max_bytes: int = Field(2 * GIB, ge=MIB, description="unprocessed bytes after which OTLP answers 429")
    log_retain_records: int = Field(500_000, ge=0, le=50_000_000, description="processed records the log keeps")
    ballast_bytes: int = Field(64 * MIB, ge=0, description="reserve file that frees a full disk")
    disk_floor_bytes: int = Field(GIB, ge=0, description="free disk below which OTLP answers 429")
    disk_max_bytes: int = Field(0, ge=0, description="bytes the data folder may take; then old days go; 0: no cap")
    window: int = Field(500_000, ge=1_000, le=20_000_000, description="spans among which duplicates are found")

    max_body_bytes: int = Field(
        20 * MIB,
        ge=1024,
        le=64 * MIB,
        description="largest request body as sent; JSON may take 12 times that in memory",
    )
    max_decompressed_bytes: int = Field(64 * MIB, ge=1024, le=64 * MIB, description="largest body after decompression")
    max_attributes: int = Field(2048, ge=1, le=65536, description="attributes a span may have")
    max_depth: int = Field(32, ge=1, le=64, description="levels an attribute value may nest")

    batch_records: int = Field(12_000, ge=1, le=100_000, description="records after which a batch is closed")
    batch_within: float = Field(0.9, gt=0, le=10, description="seconds after which a batch is closed")
    memory_max_bytes: int = Field(700 * MIB, ge=256 * MIB, description="memory the database may use")
    query_timeout: float = Field(30.0, gt=0, le=3600, description="seconds a query may run")
    stalled_after: float = Field(10.0, gt=0, le=3600, description="seconds without progress before /readyz is bad")

    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="least severity that is logged")
    log_format: Literal["auto", "json", "text"] = Field("auto", description="auto: text on a terminal, else JSON")
