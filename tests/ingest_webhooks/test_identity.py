"""Claims about identity: links, merges and late words settle on the same account whatever the order."""

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from ingest_webhooks.accounts.identity import Book, Kind, Word
from ingest_webhooks.accounts.settling import MANY, Ledger, unchained
from ingest_webhooks.words.references import may_open, names_an_account, names_of
from ingest_webhooks.words.shapes import Link, Merge, NormalEvent

T0 = datetime(2026, 1, 1, tzinfo=UTC)
TICKET, CONTACT, OTHER = "hubspot:1:ticket:7", "hubspot:1:contact:8", "hubspot:1:contact:9"
A, B, C = "hubspot:1:100", "hubspot:1:200", "hubspot:1:300"
DOMAIN, CUSTOMER, OURS = "domain:acme.com", "stripe:acct:cus_1", "external:acme"


def at(hours: float) -> datetime:
    return T0 + timedelta(hours=hours)


def ledger() -> Ledger:
    numbers = itertools.count(1)
    return Ledger(Book(), lambda: UUID(int=next(numbers)))


def merged(book: Ledger, *merges: Merge) -> None:
    for merge in merges:
        book.note(merge)
    for merge in unchained(merges):
        book.merge(merge)


def opening(reference: str, *fallbacks: str, hours: float = 0) -> NormalEvent:
    return NormalEvent(b"k", reference, "account.updated", at(hours), opens=True, fallbacks=fallbacks)


def test_an_account_is_opened_once() -> None:
    made = ledger()
    assert made.open(A, at(0)) == made.open(A, at(1))
    assert list(made.opened) == [A]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_added_removed_and_added_again_ends_added_in_any_order(order: tuple[int, ...]) -> None:
    words = [
        Link(TICKET, A, at(1), primary=True),
        Link(TICKET, A, at(2), removed=True),
        Link(TICKET, A, at(3), primary=True),
    ]
    made = ledger()
    made.open(A, at(0))
    for place in order:
        made.link(words[place])
    assert made.book.now(TICKET) == made.book.now(A)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_link_that_was_taken_away_stays_away_when_the_adding_comes_late(order: tuple[int, int]) -> None:
    words = [Link(TICKET, A, at(1)), Link(TICKET, A, at(2), removed=True)]
    made = ledger()
    made.open(A, at(0))
    for place in order:
        made.link(words[place])
    assert made.book.now(TICKET) is None


def test_the_primary_company_wins_and_the_first_stays_among_equals() -> None:
    made = ledger()
    made.link(Link(CONTACT, A, at(1)))
    made.link(Link(CONTACT, B, at(2)))
    assert made.book.now(CONTACT) == made.book.now(A)
    made.link(Link(CONTACT, B, at(3), primary=True))
    assert made.book.now(CONTACT) == made.book.now(B)
    made.link(Link(CONTACT, A, at(4)))
    assert made.book.now(CONTACT) == made.book.now(B)


def test_what_a_person_did_stays_with_the_company_of_then_and_what_is_told_of_a_ticket_is_where_it_is_now() -> None:
    made = ledger()
    for reference in (CONTACT, TICKET):
        made.link(Link(reference, A, at(1), primary=True))
        made.link(Link(reference, B, at(5), primary=True))
    a, b = made.book.now(A), made.book.now(B)

    assert [made.book.place([CONTACT], None, at(hour)) for hour in (0, 2, 6)] == [a, a, b]
    assert [made.book.place([TICKET], TICKET, at(hour)) for hour in (0, 2, 6)] == [b, b, b]


def test_a_ticket_follows_its_contact_to_the_company_of_the_moment_when_it_was_filed() -> None:
    made = ledger()
    made.link(Link(TICKET, CONTACT, at(2)))
    assert made.book.of_item(TICKET) is None
    assert not made.opened
    made.link(Link(CONTACT, A, at(1), primary=True))
    made.link(Link(CONTACT, B, at(5), primary=True))
    assert made.book.of_item(TICKET) == made.book.now(A)
    assert made.book.now(CONTACT) == made.book.now(B)


def test_links_to_contacts_and_domains_open_no_account_and_count_once_those_lead_somewhere() -> None:
    made = ledger()
    made.link(Link(CONTACT, DOMAIN, at(1)))
    assert not made.opened
    made.link(Link(DOMAIN, A, at(2)))
    assert made.book.now(CONTACT) == made.book.now(A)
    assert list(made.opened) == [A]


def test_contacts_that_lead_over_one_another_lead_to_the_account_behind_either_and_end() -> None:
    made = ledger()
    made.link(Link(CONTACT, OTHER, at(1), primary=True))
    made.link(Link(OTHER, CONTACT, at(2), primary=True))
    assert made.book.now(CONTACT) is None
    made.link(Link(OTHER, A, at(3)))
    assert made.book.now(CONTACT) == made.book.now(OTHER) == made.book.now(A)


def test_merged_contacts_share_their_companies_and_open_no_account() -> None:
    made = ledger()
    merged(made, Merge(OTHER, (CONTACT,), at(5)))
    assert not made.opened
    made.link(Link(CONTACT, A, at(1)))
    assert made.book.now(OTHER) == made.book.now(A)


def test_after_a_merge_every_name_leads_to_the_survivor() -> None:
    made = ledger()
    for word in (Link(TICKET, B, at(1)), Link("domain:b.example", B, at(1)), Link(CONTACT, A, at(1))):
        made.link(word)
    gone = made.book.now(B)
    merged(made, Merge(A, (B, "hubspot:1:999"), at(5)))
    names = (A, B, TICKET, CONTACT, "domain:b.example", "hubspot:1:999")
    assert {made.book.now(name) for name in names} == {made.book.now(A)}
    assert {one: two.survivor for one, two in made.merged.items()} == {gone: made.book.now(A)}


def test_what_a_merged_company_had_is_taken_back_under_the_survivors_name_and_not_before_the_merge() -> None:
    made = ledger()
    made.link(Link(CONTACT, B, at(1)))
    made.link(Link(CONTACT, A, at(2), removed=True))
    merged(made, Merge(A, (B,), at(5)))
    assert made.book.now(CONTACT) == made.book.now(A)
    made.link(Link(CONTACT, A, at(6), removed=True))
    assert made.book.now(CONTACT) is None


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("known", [(), ("s:a",), ("s:b",), ("s:a", "s:b"), ("s:a", "s:b", "s:c", "s:d")])
def test_a_chain_of_merges_ends_at_its_last_account_and_opens_no_other(
    order: tuple[int, ...], known: tuple[str, ...]
) -> None:
    made = ledger()
    before = [made.open(name, at(0)) for name in known]
    chain = [Merge("s:b", ("s:a",), at(1)), Merge("s:c", ("s:b",), at(2)), Merge("s:d", ("s:c",), at(3))]
    times = [merge.at for merge in chain]
    merged(made, *(replace(chain[place], at=when) for place, when in zip(order, times, strict=True)))
    last = made.book.now("s:d")

    assert {made.book.now(f"s:{name}") for name in "abcd"} == {last}
    assert set(made.opened.values()) == {*before, last}
    assert {one: two.survivor for one, two in made.merged.items()} == dict.fromkeys(set(before) - {last}, last)


def test_two_merges_that_contradict_each_other_end_and_leave_one_account() -> None:
    made = ledger()
    merged(made, Merge("s:b", ("s:a",), at(1)), Merge("s:a", ("s:b",), at(2)))
    assert made.book.now("s:a") == made.book.now("s:b") == next(iter(made.opened.values()))
    assert (len(made.opened), made.merged) == (1, {})


@pytest.mark.parametrize("first", ["customer", "company"])
def test_a_customer_whose_event_names_an_account_of_ours_is_that_account_whichever_came_first(first: str) -> None:
    made = ledger()
    events = [opening(CUSTOMER, OURS), opening(OURS)]
    for event in events if first == "customer" else events[::-1]:
        made.take(event)
        made.settle(at(9))
    assert made.book.now(CUSTOMER) == made.book.now(OURS)
    assert len(made.opened) == (2 if first == "customer" else 1)
    assert len(made.merged) == len(made.opened) - 1


def test_two_companies_of_one_system_with_one_domain_stay_two_accounts() -> None:
    made = ledger()
    made.link(Link(DOMAIN, A, at(1)))
    made.take(opening(B, DOMAIN))
    made.take(opening(CUSTOMER, DOMAIN))
    made.settle(at(9))
    assert made.book.now(B) != made.book.now(A)
    assert made.book.now(CUSTOMER) == made.book.now(A)


def test_what_a_person_says_outranks_every_provider_until_a_person_takes_it_back() -> None:
    made = ledger()
    a, b = made.open(A, at(0)), made.open(B, at(0))
    made.book.own[str(b)] = b or UUID(int=0)
    made.say(Word(CONTACT, str(b), at(3), Kind.HAND))
    made.link(Link(CONTACT, A, at(4), primary=True))
    assert made.book.now(CONTACT) == b
    made.say(Word(CONTACT, str(b), at(5), Kind.UNHAND))
    assert made.book.now(CONTACT) == a


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_a_companys_own_domain_outranks_that_of_whoever_pays_its_bills_in_any_order(order: tuple[int, ...]) -> None:
    made = ledger()
    made.open(A, at(0))
    made.open(OURS, at(0))
    words = [
        Link(CUSTOMER, OURS, at(1), primary=True),
        Link(DOMAIN, CUSTOMER, at(1), derived=True),
        Link(DOMAIN, A, at(2)),
    ]
    for place in order:
        made.link(words[place])
        made.settle(at(9))
    assert made.book.now(CUSTOMER) == made.book.now(OURS) != made.book.now(A)
    assert made.book.now(DOMAIN) == made.book.at(DOMAIN, at(1)) == made.book.now(A)


def test_a_derived_domain_counts_while_nobody_has_it_and_until_a_person_takes_it_away() -> None:
    made = ledger()
    made.open(CUSTOMER, at(0))
    made.link(Link(DOMAIN, CUSTOMER, at(1), derived=True))
    payer = made.book.now(CUSTOMER)
    assert payer is not None
    assert made.book.now(DOMAIN) == payer
    made.detach(DOMAIN, payer, at(5))
    assert made.book.now(DOMAIN) is None


def test_a_name_that_was_detached_leads_nowhere_although_events_named_it_beside_others() -> None:
    made = ledger()
    made.take(opening(OURS))
    made.take(opening(CUSTOMER, OURS))
    ours = made.book.now(OURS)
    assert ours is not None
    made.detach(CUSTOMER, ours, at(5))
    assert made.book.now(CUSTOMER) is None


def test_words_that_repeat_their_neighbours_are_dropped_beyond_many_and_nothing_leads_elsewhere() -> None:
    made = ledger()
    for hour in range(1000):
        made.link(Link(CONTACT, A, at(hour), primary=True))
    made.link(Link(CONTACT, B, at(2000), primary=True))
    assert len(made.book.words[CONTACT]) <= MANY + 1
    assert made.book.at(CONTACT, at(0)) == made.book.at(CONTACT, at(1500)) == made.book.now(A)
    assert made.book.now(CONTACT) == made.book.now(B)


@pytest.mark.parametrize(
    ("reference", "named", "opened"),
    [
        (A, True, True),
        (TICKET, False, False),
        ("domain:acme.com", True, False),
        ("external:a:b:c", True, True),
        ("salesforce:org:acc", True, True),
        ("salesforce:org:case:1", False, False),
        ("zendesk:acme:17", True, True),
        ("zendesk:acme:ticket:17", False, False),
        ("segment:space:user:a", False, False),
        ("email:a@acme.com", False, False),
    ],
)
def test_names_of_accounts_and_of_their_things_are_told_apart(reference: str, named: bool, opened: bool) -> None:
    assert (names_an_account(reference), may_open(reference)) == (named, opened)


def test_a_thing_that_an_event_is_about_leads_before_its_references_and_nothing_is_named_twice() -> None:
    assert names_of(TICKET, A, (DOMAIN, A)) == [TICKET, A, DOMAIN]
    assert names_of("kick-off", A, ()) == [A]
    assert names_of(TICKET, TICKET, ()) == [TICKET]
