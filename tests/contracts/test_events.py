"""Claims about the feed of events: rows stored by former versions are still read, and a plain event is what we say."""

import pytest
from pydantic import TypeAdapter, ValidationError

from milepost_contracts.events import COLUMNS, OWN_TYPES, AccountReference, EventRow, PlainEvent

STORED = {
    "id": 1,
    "event_id": "5f0c8a3b9d2e4f61a7b8c9d0e1f20314",
    "account_id": "01a20286-2883-7087-a895-ea903e7ddf1d",
    "type": "ticket.opened",
    "occurred_at": "2026-11-01T09:30:00Z",
    "recorded_at": "2026-11-01T09:30:01.5Z",
    "actor": None,
    "role": None,
    "item": "hubspot:1:ticket:7",
    "value": None,
    "value_text": None,
    "properties": {"severity": "high"},
    "source": "hubspot",
    "connection_id": None,
    "delivery_id": "01a20286-29f4-7fe6-b517-a4391298f839",
    "correlation_id": "a-correlation",
}


CORRECTION = STORED | {"id": 9, "event_id": "0a1b", "type": "ticket.escalated", "supersedes": STORED["event_id"]}


def test_a_stored_correction_names_the_row_in_whose_place_it_counts() -> None:
    assert EventRow.model_validate(CORRECTION).supersedes == STORED["event_id"]
    assert EventRow.model_validate(STORED).supersedes is None


def test_a_stored_row_of_the_first_version_is_read() -> None:
    row = EventRow.model_validate(STORED)
    assert (row.item, row.properties, row.correlation_id) == (
        "hubspot:1:ticket:7",
        {"severity": "high"},
        "a-correlation",
    )


def test_a_column_that_a_later_version_adds_is_ignored() -> None:
    assert EventRow.model_validate(STORED | {"weather": "fine"}) == EventRow.model_validate(STORED)


def test_the_columns_are_the_fields_in_their_order() -> None:
    assert [name.strip() for name in COLUMNS.split(",")] == list(EventRow.model_fields)


@pytest.mark.parametrize(
    "broken",
    [
        *({"type": kind} for kind in OWN_TYPES),
        *({name: "n" * 256} for name in ("id", "actor", "role", "item")),
        {"account": f"external:{'n' * 247}"},
        *(
            {"occurred_at": moment}
            for moment in (0, 1.5, "0", "2026-01-01", "2026-01-01T00:00Z", "2026-01-01T00:00:00")
        ),
    ],
)
def test_words_of_our_own_long_names_and_moments_that_are_no_rfc_3339_text_are_refused(
    broken: dict[str, object],
) -> None:
    event = {"id": "1", "type": "a.b", "account": "external:a", "occurred_at": "2026-01-01T00:00:00Z"}
    with pytest.raises(ValidationError) as raised:
        PlainEvent.model_validate(event | broken)
    assert [error["loc"] for error in raised.value.errors()] == [tuple(broken)]


@pytest.mark.parametrize(
    ("written", "compared"),
    [
        ("domain:Acme.COM", "domain:acme.com"),
        ("domain:www.acme.com", "domain:acme.com"),
        ("domain:acme.com.", "domain:acme.com"),
        ("domain:anna@acme.com", "domain:acme.com"),
        ("domain:BÜCHER.de", "domain:xn--bcher-kva.de"),
        ("domain:xn--bcher-kva.de", "domain:xn--bcher-kva.de"),
        ("salesforce:00D000000000062:001D000000IRFma", "salesforce:00D000000000062EAA:001D000000IRFmaIAH"),
        ("salesforce:00D000000000062EAA:001D000000IRFmaIAH", "salesforce:00D000000000062EAA:001D000000IRFmaIAH"),
        ("salesforce:00D000000000062:case:5003000000D8cuI", "salesforce:00D000000000062EAA:case:5003000000D8cuIAAR"),
        ("salesforce:00D000000000062:opportunitylite:7", "salesforce:00D000000000062EAA:opportunitylite:7"),
        ("hubspot:4711:99", "hubspot:4711:99"),
        ("external:Acme", "external:Acme"),
        ("01A20286-2883-7087-A895-EA903E7DDF1D", "01a20286-2883-7087-a895-ea903e7ddf1d"),
    ],
)
def test_every_way_to_write_a_reference_is_compared_in_one(written: str, compared: str) -> None:
    assert TypeAdapter(AccountReference).validate_python(written) == compared


@pytest.mark.parametrize(
    "written",
    [
        *(f"domain:{name}" for name in ("acme", "acme com", "10.0.0.1", "a..com", "-", "x" * 248)),
        *(f"salesforce:{ids}" for ids in ("1", "00D000000000062", "00D000000000062:7", "00D:001D000000IRFma")),
        "salesforce:00D000000000062:001D000000IRF-a",
        "salesforce:00D000000000062:001D000000IRFmaIA",
    ],
)
def test_a_domain_or_an_id_of_salesforce_that_is_none_is_refused_with_its_own_reason(written: str) -> None:
    with pytest.raises(ValidationError) as raised:
        TypeAdapter(AccountReference).validate_python(written)
    (error,) = raised.value.errors()
    assert error["type"] == "bad_reference"
    assert error["msg"].startswith("expected")


@pytest.mark.parametrize("value", [True, [1], {"a": 1}, float("nan"), float("inf"), "x" * 4097])
def test_a_value_is_a_finite_number_or_a_text(value: object) -> None:
    event = {"id": "1", "type": "a.b", "account": "external:a", "occurred_at": "2026-01-01T00:00:00Z"}
    assert PlainEvent.model_validate(event | {"value": 4}).value == 4.0
    assert PlainEvent.model_validate(event | {"value": "high"}).value == "high"
    with pytest.raises(ValidationError):
        PlainEvent.model_validate(event | {"value": value})
