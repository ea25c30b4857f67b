"""Any text is keys or an InvalidKey that shows nothing of it; what was hashed is read as the same keys."""

from hypothesis import given
from hypothesis import strategies as st

from spanpulse_stream.cluster._shared import hashed, keys_of
from spanpulse_stream.gateway import InvalidKey

TENANTS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,20}", fullmatch=True)
SECRETS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=20, max_size=40)
LINES = st.text() | st.builds("{}:{}".format, TENANTS, st.text()) | st.builds("{}:plain:{}".format, TENANTS, SECRETS)


@given(st.lists(LINES).map("\n".join))
def test_any_text_is_keys_or_refused(text: str) -> None:
    try:
        keys = keys_of(text)
    except InvalidKey as error:
        said = str(error)
        assert not any(len(word) > 19 and word in said for word in text.replace(":", "\n").split())
        return
    assert keys.entries
    assert keys_of(hashed(keys)) == keys


@given(st.lists(st.tuples(TENANTS, SECRETS), min_size=1, unique_by=lambda each: each[1]))
def test_every_key_is_let_in_as_its_tenant(people: list[tuple[str, str]]) -> None:
    text = hashed(keys_of("".join(f"{tenant}:plain:{secret}\n" for tenant, secret in people)))
    keys, known = keys_of(text), {secret for _, secret in people}
    for tenant, secret in people:
        assert secret not in text
        assert keys.tenant([(b"x-api-key", secret.encode())]) == tenant
        assert secret[:-1] in known or keys.tenant([(b"x-api-key", secret[:-1].encode())]) is None
