"""How the receiver is set, from the settings of the process."""

from dataclasses import dataclass, field
from typing import Self

from spanpulse_stream.decode import Limits
from spanpulse_stream.gateway._cors import Cors
from spanpulse_stream.gateway._keys import ApiKeys, check_binding
from spanpulse_stream.gateway._limits import JSON_GROWTH, LEAST_JSON_BYTES, RequestLimits
from spanpulse_stream.settings import Settings

__all__ = ["OtlpOptions"]


@dataclass(frozen=True, slots=True)
class OtlpOptions:
    """How the receiver is set: ``partitions`` of the log, who may send, the limits, and from which web pages.

    ``quota_bytes`` and ``quota_records`` are what one key may send a second, 0 for any number.
    """

    partitions: int = 1
    keys: ApiKeys = field(default_factory=ApiKeys)
    limits: RequestLimits = field(default_factory=RequestLimits)
    decoding: Limits = field(default_factory=Limits)
    cors: Cors = field(default_factory=Cors)
    quota_bytes: int = 0
    quota_records: int = 0

    @classmethod
    def from_settings(cls, settings: Settings, *, keys_follow: bool = False) -> Self:
        """Return the receiver's part of the settings. Raises InvalidKey, BindingRefused.

        With ``keys_follow`` there may be other keys later, and who gives them to the receiver checks the binding.
        """
        keys = ApiKeys.parse(key.get_secret_value() for key in settings.api_keys)
        if not keys_follow:
            check_binding(settings.host, keys)
        return cls(
            settings.partitions,
            keys,
            RequestLimits(
                max_body_bytes=settings.max_body_bytes,
                max_decompressed_bytes=settings.max_decompressed_bytes,
                most_json_bytes=max(LEAST_JSON_BYTES, JSON_GROWTH * settings.max_body_bytes),
            ),
            Limits(max_attributes=settings.max_attributes, max_depth=settings.max_depth),
            Cors.of(settings.cors_origins),
            settings.quota_bytes,
            settings.quota_records,
        )
