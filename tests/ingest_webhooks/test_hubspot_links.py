"""Claims about what HubSpot says of who belongs to whom: associations, merges and domains."""

import time
from typing import Any

import pytest

from ingest_webhooks.words.shapes import Link, Merge

from .conftest import Bench, batch, linked
from .conftest import change as of
from .test_hubspot_meaning import AT, change, prop, said

IGNORE = {"ignore": True}


@pytest.mark.parametrize(
    "element",
    [
        change("ticket.associationChange", associationType="TICKET_TO_COMPANY", fromObjectId=7, toObjectId=9),
        change("company.associationChange", 9, associationType="COMPANY_TO_TICKET", fromObjectId=9, toObjectId=7),
        change(
            "object.associationChange",
            objectTypeId="0-5",
            fromObjectTypeId="0-5",
            toObjectTypeId="0-2",
            fromObjectId=7,
            toObjectId=9,
        ),
    ],
)
def test_an_association_means_the_same_link_from_either_side(element: dict[str, Any]) -> None:
    found = said(element)
    assert found.links == [Link("hubspot:33:ticket:7", "hubspot:33:9", AT)]
    assert (found.linked, found.ignored, found.events) == (1, 0, [])


def test_a_merge_names_every_company_that_is_gone() -> None:
    found = said(change("company.merge", 5, primaryObjectId=5, mergedObjectIds=[6, 7], newObjectId=None))
    assert found.merges == [Merge("hubspot:33:5", ("hubspot:33:6", "hubspot:33:7"), AT)]
    renewed = said(change("company.merge", 5, primaryObjectId=5, mergedObjectIds=[6], newObjectId=8))
    assert renewed.merges == [Merge("hubspot:33:8", ("hubspot:33:5", "hubspot:33:6"), AT)]


def test_a_domain_becomes_a_name_of_the_account_unless_half_the_world_shares_it() -> None:
    assert said(prop("company", "domain", "www.Acme.com")).links == [Link("domain:acme.com", "hubspot:33:7", AT)]
    assert said(prop("company", "domain", "gmail.com")).links == []


def test_a_ticket_that_moves_to_another_company_is_unlinked_there_and_linked_here() -> None:
    ends: dict[str, Any] = {"associationType": "TICKET_TO_COMPANY", "fromObjectId": 7}
    found = said(
        change("ticket.associationChange", **ends, toObjectId=9, associationRemoved=True, isPrimaryAssociation=True),
        change("ticket.associationChange", **ends, toObjectId=10, associationRemoved=False, isPrimaryAssociation=True),
    )
    assert found.links == [
        Link("hubspot:33:ticket:7", "hubspot:33:9", AT, primary=True, removed=True),
        Link("hubspot:33:ticket:7", "hubspot:33:10", AT, primary=True, removed=False),
    ]


def test_a_domain_whose_property_is_ignored_still_names_the_account() -> None:
    found = said(prop("company", "domain", "acme.com"), mapping={"company.domain": {"ignore": True}})
    assert (found.links, found.linked, found.ignored) == ([Link("domain:acme.com", "hubspot:33:7", AT)], 1, 0)


@pytest.mark.parametrize(("kind", "kinds"), [("ticket", "TICKET_TO_CONTACT"), ("deal", "DEAL_TO_CONTACT")])
def test_a_thing_belongs_where_its_contact_does_from_either_side(kind: str, kinds: str) -> None:
    first, _, second = kinds.partition("_TO_")
    there = change(f"{kind}.associationChange", associationType=kinds, fromObjectId=7, toObjectId=9)
    back = change("contact.associationChange", associationType=f"{second}_TO_{first}", fromObjectId=9, toObjectId=7)
    for element in (there, back | {"isPrimaryAssociation": True}):
        found = said(element)
        assert found.links == [Link(f"hubspot:33:{kind}:7", "hubspot:33:contact:9", AT)]
        assert (found.linked, found.ignored) == (1, 0)


def test_two_things_without_a_company_or_a_contact_say_nothing_of_whose_they_are() -> None:
    found = said(change("deal.associationChange", associationType="DEAL_TO_TICKET", fromObjectId=7, toObjectId=9))
    assert (found.links, found.ignored) == ([], 1)


def test_an_object_that_is_null_is_the_one_that_an_association_starts_from() -> None:
    ends: dict[str, Any] = {"associationType": "TICKET_TO_COMPANY", "fromObjectId": 7, "toObjectId": 9}
    found = said(change("ticket.associationChange", **ends) | {"objectId": None})
    assert (found.links, found.faults) == ([Link("hubspot:33:ticket:7", "hubspot:33:9", AT)], [])


def test_merged_contacts_are_one_and_tell_nothing_else() -> None:
    found = said(change("contact.merge", 5, primaryObjectId=5, mergedObjectIds=[6], newObjectId=8))
    assert found.merges == [Merge("hubspot:33:contact:8", ("hubspot:33:contact:5", "hubspot:33:contact:6"), AT)]
    assert (found.linked, found.events, found.ignored) == (1, [], 0)


def test_every_ticket_that_went_into_another_one_is_resolved() -> None:
    found = said(change("ticket.merge", 5, primaryObjectId=5, mergedObjectIds=[6, 7]))
    assert found.merges == [Merge("hubspot:33:ticket:5", ("hubspot:33:ticket:6", "hubspot:33:ticket:7"), AT)]
    told = [(event.type, event.item, event.properties) for event in found.events]
    assert told == [("ticket.resolved", f"hubspot:33:ticket:{one}", {"reason": "merged"}) for one in (6, 7)]
    assert len({event.event_id for event in found.events}) == 2
    assert {event.fallbacks for event in found.events} == {("hubspot:33:ticket:5",)}
    assert (found.linked, found.ignored) == (0, 0)
    quiet = said(change("ticket.merge", 5, primaryObjectId=5, mergedObjectIds=[6]), mapping={"ticket.merge": IGNORE})
    assert (quiet.events, quiet.linked, quiet.ignored) == ([], 1, 0)


async def test_a_ticket_with_a_contact_alone_lands_on_the_contacts_company_and_ends_when_it_is_merged(
    bench: Bench,
) -> None:
    portal = 79
    to_contact = linked("ticket", portal, 7, 5, associationType="TICKET_TO_CONTACT", isPrimaryAssociation=False)
    await bench.deliver(batch(of("company.creation", portal, 9), of("ticket.creation", portal, 7), to_contact))
    await bench.deliver(batch(linked("contact", portal, 5, 9)))
    merge = of("ticket.merge", portal, 8, primaryObjectId=8, mergedObjectIds=[7])
    await bench.deliver(batch(merge))
    await bench.relay()
    told = [(row["type"], row["item"]) for row in await bench.events(f"hubspot:{portal}:9") if row["item"]]
    assert told == [(f"ticket.{verb}", f"hubspot:{portal}:ticket:7") for verb in ("opened", "resolved")]


async def test_a_tickets_own_company_comes_before_its_contacts(bench: Bench) -> None:
    portal = 80
    ends = {"isPrimaryAssociation": False}
    to_contact = linked("ticket", portal, 7, 5, associationType="TICKET_TO_CONTACT", **ends)
    contact = linked("contact", portal, 5, 9)
    later = int(time.time() * 1000) - 1_000
    company = linked("ticket", portal, 7, 10, occurredAt=later, **ends)
    await bench.deliver(batch(to_contact, contact, company, of("ticket.creation", portal, 7)))
    await bench.relay()
    assert [row["type"] for row in await bench.events(f"hubspot:{portal}:10") if row["item"]] == ["ticket.opened"]
