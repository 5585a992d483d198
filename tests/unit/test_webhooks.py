"""Toast's events: signatures, what an envelope says, and that guests' data is cut while all else stays as it came."""

from __future__ import annotations

import json
import random
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from property_profiles import examples
from restaurant_os.errors import RejectedRecordError
from restaurant_os.sources.toast.records import PRIVATE_FIELDS
from restaurant_os.sources.toast.webhooks import Envelope, cut, envelope, signature, verified

#: The reference's test vector (section 7).
SECRET = b"whsec-test"
TIMESTAMP = "2026-01-02T03:04:05.678Z"
BODY = (
    b'{"timestamp":"2026-01-02T03:04:05.678Z","eventCategory":"order_updated","eventType":"order_updated",'
    b'"guid":"11111111-2222-4333-8444-555555555555","details":{"restaurantGuid":"aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee",'
    b'"order":{"guid":"99999999-8888-4777-8666-555555555555"}}}'
)
SIGNATURE = "JyE2x1NKZjqpNE5PiemXRDKCVuiN/OrmEi9Je5DeNH8="
WHOLE = Envelope(
    timestamp=TIMESTAMP,
    sent_at=datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC),
    category="order_updated",
    kind="order_updated",
    guid="11111111-2222-4333-8444-555555555555",
    restaurant_guid="aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee",
)


# --- signatures -------------------------------------------------------------------------------------------------------


def test_the_references_vector_has_its_signature() -> None:
    assert signature(SECRET, BODY, TIMESTAMP) == SIGNATURE


@pytest.mark.parametrize("secrets", [[SECRET], [b"new", SECRET], [SECRET, b"new"], [b"", SECRET]])
def test_any_of_several_secrets_verifies(secrets: list[bytes]) -> None:
    assert verified(secrets, BODY, TIMESTAMP, SIGNATURE)


@pytest.mark.parametrize(
    ("secrets", "body", "timestamp", "given"),
    [
        ([b"other"], BODY, TIMESTAMP, SIGNATURE),
        ([], BODY, TIMESTAMP, SIGNATURE),
        ([b""], BODY, TIMESTAMP, signature(b"", BODY, TIMESTAMP)),
        ([SECRET], BODY + b" ", TIMESTAMP, SIGNATURE),
        ([SECRET], BODY, "2026-01-02T03:04:05.679Z", SIGNATURE),
        ([SECRET], BODY, TIMESTAMP, signature(SECRET, BODY, "")),
        ([SECRET], BODY, TIMESTAMP, "272136c7534a663aa934de4f89e9974432825688"),
        ([SECRET], BODY, TIMESTAMP, ""),
        ([SECRET], BODY, TIMESTAMP, "é" * 44),
        ([SECRET], BODY, TIMESTAMP, "\ud800"),
    ],
    ids=["secret", "no secret", "empty secret", "body", "timestamp", "body alone", "hex", "none", "no ASCII", "no Unicode"],
)
def test_anything_else_does_not_verify(secrets: list[bytes], body: bytes, timestamp: str, given: str) -> None:
    assert not verified(secrets, body, timestamp, given)


# --- envelopes --------------------------------------------------------------------------------------------------------


def with_fields(**fields: Any) -> bytes:
    return json.dumps({**json.loads(BODY), **fields}).encode()


def test_an_envelope_is_read_whole() -> None:
    assert envelope(BODY) == WHOLE


@pytest.mark.parametrize("name", ["eventCategory", "eventType", "guid", "details"])
@pytest.mark.parametrize("wrong", [None, 7, [], {}, ["x"], True])
def test_a_part_of_a_wrong_type_is_empty_and_the_others_stand(name: str, wrong: object) -> None:
    parts: dict[str, dict[str, Any]] = {
        "eventCategory": {"category": ""},
        "eventType": {"kind": ""},
        "guid": {"guid": None},
        "details": {"restaurant_guid": ""},
    }
    assert envelope(with_fields(**{name: wrong})) == Envelope(**{**_fields(WHOLE), **parts[name]})


def _fields(found: Envelope) -> dict[str, Any]:
    return {name: getattr(found, name) for name in Envelope.__slots__}


@pytest.mark.parametrize("wrong", [None, 7, [], {"guid": "x"}])
def test_a_restaurant_guid_of_a_wrong_type_is_none(wrong: object) -> None:
    assert envelope(with_fields(details={"restaurantGuid": wrong})).restaurant_guid == ""


def test_a_location_is_known_by_its_guid_in_small_letters() -> None:
    given = envelope(with_fields(details={"restaurantGuid": "AAAAAAAA-BBBB-4CCC-8DDD-EEEEEEEEEEEE"}))
    assert given.restaurant_guid == WHOLE.restaurant_guid


@pytest.mark.parametrize("guid", ["x" * 101, "a\x00b", "a\ud800b", " a", "", "a\u202eb"])
def test_a_guid_that_no_store_can_keep_as_it_is_is_none(guid: str) -> None:
    assert envelope(with_fields(guid=guid)).guid is None


def test_texts_are_printable_and_bounded() -> None:
    found = envelope(with_fields(eventType="a\x1b[2J\ud800\x00" + "x" * 200, eventCategory="c\n"))
    assert (found.kind, found.category) == ("a [2J  " + "x" * 92 + "…", "c")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"7",
        b'"x"',
        b"[]",
        b"{}",
        b"[" * 100_000,
        b'{"timestamp":7}',
        b'{"timestamp":null}',
        b'{"timestamp":"soon"}',
        b'{"timestamp":"2026-01-02T03:04:05"}',
        b'{"timestamp":"9999-12-31T23:59:59-23:00"}',
        b'{"timestamp":"2026-01-02T03:04:05Z"',
        b'{"a":{"timestamp":"2026-01-02T03:04:05Z"}',
        b'["timestamp","2026-01-02T03:04:05Z"]',
        b"\xff\xfe{\x00}\x00",
        "\ufeff{}".encode(),
        b"store_id=7&date=2026-01-02",
        b"<html></html>",
    ],
)
def test_what_has_no_time_is_no_envelope(body: bytes) -> None:
    with pytest.raises(RejectedRecordError):
        envelope(body)


@pytest.mark.parametrize(
    "order",
    [b"[" * 5_000 + b"]" * 5_000, b'{"a":' * 5_000 + b"1" + b"}" * 5_000, b'"\\ud800"', b'"\\ud83d tail"', b"01", b'"\xff"'],
    ids=["deep arrays", "deep objects", "half a pair", "half a pair in text", "no number", "no UTF-8"],
)
def test_an_order_that_cannot_be_read_has_an_envelope_nonetheless(order: bytes) -> None:
    assert envelope(BODY.replace(b'{"guid":"99999999-8888-4777-8666-555555555555"}', order)) == WHOLE


@pytest.mark.parametrize("filler", [b'"', b'\\"', b"\\", b'"\\', b"[", b'"a":', b'{"customer":', b" ", b'"\\u0063ustomer" '])
def test_a_hostile_body_takes_no_longer_than_its_size(filler: bytes) -> None:
    body = b'{"timestamp":"' + filler * (1_000_000 // len(filler))
    began = time.process_time()
    with pytest.raises(RejectedRecordError):
        envelope(body)
    cut(body)
    assert time.process_time() - began < 5


# --- what is kept -----------------------------------------------------------------------------------------------------


def test_a_body_without_private_values_is_kept_byte_for_byte() -> None:
    body = b'{ "customer" : null, "note":"\\"customer\\": 5, \\u003cb\\u003e", "tabName":{ }, "x":[10.10, 1e2, 12345678901234567890123] }'
    assert cut(body) is body


@pytest.mark.parametrize("name", sorted(PRIVATE_FIELDS))
@pytest.mark.parametrize(
    ("value", "left"),
    [
        (b'"Ada"', b"null"),
        (b'"A\\"d}a"', b"null"),
        (b"12345678901234567890.10", b"null"),
        (b"true", b"null"),
        (b'{"firstName":"Ada","a":[{"b":"}"}]}', b"{}"),
        (b'["Ada",{"x":"]"}]', b"[]"),
    ],
)
def test_a_private_value_goes_and_all_else_stays_byte_for_byte(name: str, value: bytes, left: bytes) -> None:
    around = (
        b'{"before": 10.10,"checks":[{ "%s" :\n %%s ,"amount":1e2,"amount":1E-2}],"after":123456789012345678901234567890.5}' % name.encode()
    )
    assert cut(around % value) == around % left


@pytest.mark.parametrize(
    "key",
    [
        b"\\u0063ustomer",
        b"custome\\u0072",
        b"\\u0063\\u0075\\u0073\\u0074\\u006f\\u006D\\u0065\\u0072",
        b"first\\u0036Digits",
        b"custo\\u006Der",
    ],
)
def test_a_name_written_with_escapes_hides_nothing(key: bytes) -> None:
    assert cut(b'{"a":"x","%s":{"name":"Ada"},"b":1.10}' % key) == b'{"a":"x","%s":{},"b":1.10}' % key


def test_a_key_that_comes_twice_is_cut_twice() -> None:
    assert cut(b'{"customer":{"a":"Ada"},"customer":"Ada","x":1}') == b'{"customer":{},"customer":null,"x":1}'


@pytest.mark.parametrize("text", [b'\\"customer', b"customer\\\\", b"customer ", b"Customer", b"xcustomer"])
def test_a_key_that_only_looks_alike_stays(text: bytes) -> None:
    body = b'{"%s": {"a":1},"b":"customer","c":["customer","tabName"],"d":"\\u0041"}' % text
    assert cut(body) == body


def test_what_is_nested_deep_is_cut_too() -> None:
    deep = b'{"customer":' * 50_000 + b'"Ada"' + b"}" * 50_000
    assert cut(b'{"x":' * 50_000 + deep + b"}" * 50_000) == b'{"x":' * 50_000 + b'{"customer":{}}' + b"}" * 50_000


Tree = Any
KEYS = st.sampled_from([*sorted(PRIVATE_FIELDS), "guid", "amount", "a b", 'quo"te', "back\\slash", "customer ", "é", ""])
TEXTS = st.one_of(st.text(max_size=12), st.sampled_from(["customer", '"customer":', "}", "]", '\\"', "\\u0063ustomer", "{"]))
NUMBERS = st.sampled_from(["0", "-1", "10.10", "1e2", "1E-2", "123456789012345678901234567890", "0.1000", "true", "false", "null"])
TREES = st.recursive(
    st.one_of(NUMBERS.map(lambda text: ("raw", text)), TEXTS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.lists(st.tuples(KEYS, inner), max_size=4).map(lambda members: ("object", members))
    ),
    max_leaves=20,
)


def written(tree: Tree, chance: random.Random, keep: bool = True) -> str:
    """The JSON of a tree with blanks and escapes by chance; without `keep` as it is once it was cut."""

    def string(text: str) -> str:
        own = json.dumps(text, ensure_ascii=chance.random() < 0.5)
        if text.isascii() and text.isalnum() and chance.random() < 0.2:
            own = '"' + "".join(f"\\u{ord(c):04x}" if chance.random() < 0.5 else c for c in text) + '"'
        return own

    def blank() -> str:
        return chance.choice(["", "", " ", "\n\t"])

    def value(one: Tree, is_kept: bool) -> str:
        if isinstance(one, str):
            text = string(one)
            return text if is_kept else "null"
        if isinstance(one, list):
            inner = ",".join(blank() + value(own, is_kept) + blank() for own in one)
            return f"[{inner}]" if is_kept else "[]"
        kind, held = one
        if kind == "raw":
            return str(held) if is_kept else "null"
        inner = ",".join(
            blank() + string(key) + blank() + ":" + blank() + value(own, is_kept and (keep or key not in PRIVATE_FIELDS))
            for key, own in held
        )
        return f"{{{inner}}}" if is_kept else "{}"

    return value(tree, True)


def texts_of(body: bytes) -> object:
    """JSON with every number as its text, and every member of an object in its place."""
    return json.loads(
        body, parse_float=lambda text: ("number", text), parse_int=lambda text: ("number", text), object_pairs_hook=lambda x: x
    )


@examples(50)
@given(TREES, st.integers(0, 2**32))
def test_cutting_takes_private_values_at_any_depth_and_nothing_else(tree: Tree, seed: int) -> None:
    before = written(tree, random.Random(seed)).encode()
    after = written(tree, random.Random(seed), keep=False).encode()
    found = cut(before)
    assert texts_of(found) == texts_of(after)
    assert cut(found) == found
