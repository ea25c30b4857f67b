"""API keys and the addresses that need them."""

import hashlib

import pytest

from spanpulse_stream.gateway import ApiKeys, BindingRefused, InvalidKey, OtlpOptions, check_binding
from spanpulse_stream.settings import Settings

KEY = "4f5c7d1e" * 4
HASH = hashlib.sha256(KEY.encode()).hexdigest()


def presented(key: str) -> list[tuple[bytes, bytes]]:
    return [(b"host", b"x"), (b"x-api-key", key.encode())]


def test_without_keys_everyone_is_the_default_tenant():
    assert ApiKeys().tenant([(b"x-api-key", b"anything")]) == "default"
    assert not ApiKeys()


def test_a_key_is_held_as_its_hash():
    keys = ApiKeys.parse([f"acme:{HASH}", f"other:plain:{KEY[::-1]}"])
    assert KEY[::-1] not in repr(keys)
    assert keys.tenant(presented(KEY)) == "acme"
    assert keys.tenant(presented(KEY[::-1])) == "other"
    assert keys.tenant(presented(HASH)) is None
    assert keys.tenant([]) is None


def test_a_tenant_may_have_several_keys():
    keys = ApiKeys.parse([f"acme:plain:{KEY}", f"acme:plain:{KEY}2"])
    assert keys.tenant(presented(KEY + "2")) == "acme"


def test_a_bearer_goes_before_the_other_header():
    keys = ApiKeys.parse([f"acme:{HASH}"])
    assert keys.tenant([(b"authorization", b"Bearer wrong"), *presented(KEY)]) is None
    assert keys.tenant([*presented("wrong"), (b"authorization", b"Bearer " + KEY.encode())]) == "acme"
    assert keys.tenant([(b"authorization", b"Basic abc"), *presented(KEY)]) == "acme"


def test_a_key_that_only_begins_right_is_wrong():
    long = "k" * 512
    keys = ApiKeys.parse([f"acme:plain:{long}"])
    assert keys.tenant(presented(long)) == "acme"
    assert keys.tenant(presented(long + "k")) is None


@pytest.mark.parametrize("entry", ["", "acme", ":" + HASH, "acme:" + HASH[:-1], "acme:plain:short", "a b:" + HASH, KEY])
def test_bad_entries_are_named_by_place_and_never_shown(entry):
    with pytest.raises(InvalidKey, match="entry 2") as caught:
        ApiKeys.parse([f"acme:{HASH}", entry])
    assert not entry or entry not in str(caught.value)


def test_the_settings_make_the_options():
    settings = Settings(
        host="0.0.0.0",
        api_keys=(f"acme:{HASH}",),
        partitions=3,
        max_body_bytes=2048,
        max_decompressed_bytes=4096,
        max_attributes=7,
        max_depth=5,
    )
    options = OtlpOptions.from_settings(settings)
    assert options.keys.tenant(presented(KEY)) == "acme"
    assert (options.partitions, options.limits.max_body_bytes, options.limits.max_decompressed_bytes) == (3, 2048, 4096)
    assert (options.decoding.max_attributes, options.decoding.max_depth) == (7, 5)
    with pytest.raises(BindingRefused):
        OtlpOptions.from_settings(settings.model_copy(update={"api_keys": ()}))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "localhost"])
def test_loopback_needs_no_key(host):
    check_binding(host, ApiKeys())


@pytest.mark.parametrize("host", ["", "0.0.0.0", "::", "192.168.1.4", "example.com", "127.0.0.1.example.com"])
def test_other_addresses_do(host):
    with pytest.raises(BindingRefused, match="SPANPULSE_API_KEYS"):
        check_binding(host, ApiKeys())
    check_binding(host, ApiKeys.parse([f"acme:{HASH}"]))
