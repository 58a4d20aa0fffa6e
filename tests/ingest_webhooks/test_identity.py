"""Claims about identity: links, merges and late words settle on the same account whatever the order."""

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from ingest_webhooks.identity import Ledger, unchained
from ingest_webhooks.shapes import Link, Merge, names_an_account

T0 = datetime(2026, 1, 1, tzinfo=UTC)
TICKET, CONTACT = "hubspot:1:ticket:7", "hubspot:1:contact:8"
A, B = "hubspot:1:100", "hubspot:1:200"


def at(hours: int) -> datetime:
    return T0 + timedelta(hours=hours)


def ledger() -> Ledger:
    numbers = itertools.count(1)
    return Ledger({}, lambda: UUID(int=next(numbers)))


def test_an_account_is_opened_once_and_told_once() -> None:
    book = ledger()
    assert book.open(A, at(0)) == book.open(A, at(1))
    assert len(book.opened) == 1
    assert [told.reference for told in book.told] == [A]


def test_links_of_things_are_not_told_to_readers() -> None:
    book = ledger()
    book.link(Link(TICKET, A, at(0)))
    assert book.account_of(TICKET) == book.account_of(A)
    assert [told.reference for told in book.told] == [A]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_added_removed_and_added_again_ends_added_in_any_order(order: tuple[int, ...]) -> None:
    words = [
        Link(TICKET, A, at(1), primary=True),
        Link(TICKET, A, at(2), removed=True),
        Link(TICKET, A, at(3), primary=True),
    ]
    book = ledger()
    book.open(A, at(0))
    for place in order:
        book.link(words[place])
    assert book.account_of(TICKET) == book.account_of(A)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_link_that_was_taken_away_stays_away_when_the_adding_comes_late(order: tuple[int, int]) -> None:
    words = [Link(TICKET, A, at(1)), Link(TICKET, A, at(2), removed=True)]
    book = ledger()
    book.open(A, at(0))
    for place in order:
        book.link(words[place])
    assert book.account_of(TICKET) is None


def test_the_primary_company_wins_and_the_first_stays_among_equals() -> None:
    book = ledger()
    book.link(Link(CONTACT, A, at(1)))
    book.link(Link(CONTACT, B, at(2)))
    assert book.account_of(CONTACT) == book.account_of(A)
    book.link(Link(CONTACT, B, at(3), primary=True))
    assert book.account_of(CONTACT) == book.account_of(B)
    book.link(Link(CONTACT, A, at(4)))
    assert book.account_of(CONTACT) == book.account_of(B)


def test_after_a_merge_every_name_leads_to_the_survivor() -> None:
    book = ledger()
    for word in (Link(TICKET, B, at(1)), Link("domain:b.example", B, at(1)), Link(CONTACT, A, at(1))):
        book.link(word)
    gone = book.account_of(B)
    book.merge(Merge(A, (B, "hubspot:1:999"), at(5)))
    names = (A, B, TICKET, CONTACT, "domain:b.example", "hubspot:1:999")
    assert {book.account_of(name) for name in names} == {book.account_of(A)}
    assert {one: two.survivor for one, two in book.merged.items()} == {gone: book.account_of(A)}
    moved = {told.reference for told in book.told if told.at == at(5)}
    assert moved == {B, "domain:b.example", "hubspot:1:999"}


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("known", [(), ("a",), ("b",), ("a", "b"), ("a", "b", "c", "d")])
def test_a_chain_of_merges_ends_at_its_last_account_and_opens_no_other(
    order: tuple[int, ...], known: tuple[str, ...]
) -> None:
    book = ledger()
    before = [book.open(name, at(0)) for name in known]
    chain = [Merge("b", ("a",), at(1)), Merge("c", ("b",), at(2)), Merge("d", ("c",), at(3))]
    times = [merge.at for merge in chain]
    for merge in unchained(replace(chain[place], at=when) for place, when in zip(order, times, strict=True)):
        book.merge(merge)
    last = book.account_of("d")

    assert {book.account_of(name) for name in "abcd"} == {last}
    assert set(book.opened) == {*before, last}
    assert {one: two.survivor for one, two in book.merged.items()} == dict.fromkeys(set(before) - {last}, last)


def test_a_chain_through_a_name_of_an_account_that_was_merged_before_ends_at_the_last_one_too() -> None:
    book = ledger()
    c, a = book.open("c", at(0)), book.open("a", at(0))
    book.link(Link("b", "c", at(0)))
    for merge in unchained([Merge("b", ("a",), at(1)), Merge("d", ("c",), at(2))]):
        book.merge(merge)
    d = book.account_of("d")

    assert {book.account_of(name) for name in "abcd"} == {d}
    assert {one: two.survivor for one, two in book.merged.items()} == {a: d, c: d}


def test_two_merges_that_contradict_each_other_end_and_leave_one_account() -> None:
    book = ledger()
    for merge in unchained([Merge("b", ("a",), at(1)), Merge("a", ("b",), at(2))]):
        book.merge(merge)
    assert book.account_of("a") == book.account_of("b") == book.opened[0]
    assert (len(book.opened), book.merged) == (1, {})


def test_a_merge_that_is_told_late_makes_no_link_older_than_it_is() -> None:
    book = ledger()
    book.open(A, at(0))
    book.link(Link("domain:b.example", B, at(9)))
    book.merge(Merge(A, (B,), at(5)))
    assert book.known["domain:b.example"].linked_at == at(9)


@pytest.mark.parametrize(
    ("reference", "answer"),
    [
        (A, True),
        (TICKET, False),
        ("domain:acme.com", True),
        ("external:a:b:c", True),
        ("salesforce:org:acc", True),
        ("salesforce:org:case:1", False),
    ],
)
def test_names_of_accounts_and_of_their_things_are_told_apart(reference: str, answer: bool) -> None:
    assert names_an_account(reference) is answer
