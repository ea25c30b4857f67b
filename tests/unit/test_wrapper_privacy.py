"""What becomes of texts before they leave the process."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanpulse._privacy import Content, mask_known
from spanpulse._settings import Settings
from spanpulse._state import content_of


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("write to ada.lovelace+x@mail.example.co.uk, please", "write to <EMAIL>, please"),
        ("card 4111 1111 1111 1111 ok", "card <CARD> ok"),
        ("card 5500-0000-0000-0004.", "card <CARD>."),
        ("amex 378282246310005", "amex <CARD>"),
        ("order 4111 1111 1111 1112 is no card", "order 4111 1111 1111 1112 is no card"),
        ("IBAN DE89 3704 0044 0532 0130 00!", "IBAN <IBAN>!"),
        ("GB82WEST12345698765432", "<IBAN>"),
        ("BE68 5390 0754 7034 KBC BANK 1234", "<IBAN> KBC BANK 1234"),
        ("DE89 3704 0044 0532 0130 00 GB82 WEST 1234 5698 7654 32", "<IBAN> <IBAN>"),
        ("4111 1111 1111 1111 12/28 123", "<CARD> 12/28 123"),
        ("4111 1111 1111 1111 5500 0000 0000 0004", "<CARD> <CARD>"),
        ("2026 4111111111111111 737", "2026 <CARD> 737"),
        ("GB82WEST12345698765433 has wrong digits", "GB82WEST12345698765433 has wrong digits"),
        ("ssn 078-05-1120", "ssn <SSN>"),
        ("no ssn 000-12-3456", "no ssn 000-12-3456"),
        ("4111\u00a01111\u202f1111\u00a01111 or 4111\u20111111\u20111111\u20111111", "<CARD> or <CARD>"),
        ("DE89\u00a03704\u00a00044\u00a00532\u00a00130\u00a000", "<IBAN>"),
        ("\u20131\u20134 of 17\u00a0000", "\u20131\u20134 of 17\u00a0000"),
        (
            "an ada@m\u00fcnchen.example, ada@\u043f\u0440\u0438\u043c\u0435\u0440.\u0440\u0444\u00d72",
            "an <EMAIL>, <EMAIL>\u00d72",
        ),
        ("ada@example.org\u8c22\u8c22", "<EMAIL>\u8c22\u8c22"),
        ("call +49 30 901820 today", "call <PHONE> today"),
        ("call (415) 555-2671 or 415-555-2671", "call <PHONE> or <PHONE>"),
        ("1-415-555-2671, 1 (415) 555-2671, 1(415)555-2671", "<PHONE>, <PHONE>, <PHONE>"),
        (
            "no 21-415-555-2671, x.415-555-2671",
            "no 21-415-555-2671, x.415-555-2671",
        ),
        ("key sk-proj-abcdefghijklmnopqrst0123", "key <KEY>"),
        ("AKIAIOSFODNN7EXAMPLE, ASIAIOSFODNN7EXAMPLE", "<KEY>, <KEY>"),
        ("gsk_" + "a1" * 26, "<KEY>"),
        ("token ghp_" + "a1" * 18, "token <KEY>"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NSJ9.SflKxwRJSMeKKF2QT4", "<KEY>"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----", "<KEY>"),
        ("in 2026 it cost 1234.50 for 3 of 17, at 10:30", "in 2026 it cost 1234.50 for 3 of 17, at 10:30"),
        ("version 3.11.2, port 8080, 192.168.10.12", "version 3.11.2, port 8080, 192.168.10.12"),
        ("", ""),
    ],
)
def test_what_belongs_to_somebody_is_masked(said: str, left: str) -> None:
    assert mask_known(said) == left


@given(st.text(max_size=200))
def test_masking_never_fails_and_is_done_after_once(said: str) -> None:
    once = mask_known(said)
    assert mask_known(once) == once


@pytest.mark.parametrize(
    "said",
    [
        *("1 " * 50_000, "a" * 100_000 + "@", "+1" * 50_000, "A1" * 50_000, "1-" * 50_000, "sk-" * 40_000),
        *("-eyJabcdefgh" * 8_000 + ".eyJ", "-----BEGIN PRIVATE KEY-----" * 4_000, "DE89 " * 20_000, "4111 " * 20_000),
    ],
)
def test_no_text_takes_long(said: str) -> None:
    begun = time.process_time()
    mask_known(said)
    assert time.process_time() - begun < 2, "a second for 100 KB would be more than the network takes"


def test_every_text_of_a_value_is_masked_and_cut() -> None:
    content = Content(longest=20)
    value = {"role": "user", "parts": [{"content": "a@b.example", "n": 3, "deep": [None, True, "x" * 30]}]}
    assert content.value(value) == {
        "role": "user",
        "parts": [{"content": "<EMAIL>", "n": 3, "deep": [None, True, "x" * 20 + "… (30 characters)"]}],
    }


def test_names_of_members_that_belong_to_somebody_are_masked() -> None:
    value = {"to": {"ada@example.org": "Ada", "cc": 1, "first name": "Ada"}, "+49 30 901820": None}
    assert Content().value(value) == {"to": {"<EMAIL>": "Ada", "cc": 1, "first name": "Ada"}, "<PHONE>": None}
    assert Content(()).value(value) == value


def test_own_patterns_come_first_and_masks_of_ones_own_replace_ours() -> None:
    assert Content(patterns=(r"ACME-\d+",)).text("ACME-17, a@b.example") == "<MASKED>, <EMAIL>"
    assert Content(masks=(str.upper,)).text("a@b.example") == "A@B.EXAMPLE"


def test_a_mask_that_fails_leaves_the_text_out(caplog: pytest.LogCaptureFixture) -> None:
    def mask(text: str) -> str:
        raise RuntimeError(f"no {text}")

    assert Content(masks=(mask,)).text("secret") == "<LEFT OUT>"
    assert "secret" not in caplog.text


def test_a_cards_number_is_masked_where_it_is_a_number_too() -> None:
    assert Content().value({"card": 4111111111111111, "at": 1763800000000, "n": 12}) == {
        "card": "<CARD>",
        "at": 1763800000000,
        "n": 12,
    }


def test_a_mask_that_returns_no_text_leaves_the_text_out() -> None:
    assert Content((lambda _text: None,)).text("secret") == "<LEFT OUT>"  # type: ignore[arg-type, return-value]


def test_a_mask_of_ones_own_hides_no_key_from_ours() -> None:
    content = content_of(Settings(), str.upper)
    assert content is not None
    assert content.text("my key sk-proj-abcdefghijklmnopqrst0123") == "MY KEY <KEY>"


def test_the_form_of_messages_is_no_text() -> None:
    message = {"role": "user", "parts": [{"type": "text", "content": "secret"}], "finish_reason": "stop"}
    assert Content((lambda _: "X",)).value(message) == {
        "role": "user",
        "parts": [{"type": "text", "content": "X"}],
        "finish_reason": "stop",
    }
    assert Content((lambda _: "X",)).value({"role": "ada", "type": ["text"]}) == {"role": "X", "type": ["X"]}
