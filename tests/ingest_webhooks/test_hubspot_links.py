"""Claims about what HubSpot says of who belongs to whom: associations, merges and domains; pure, without a store."""

from typing import Any

import pytest

from ingest_webhooks.shapes import Link, Merge

from .test_hubspot_meaning import AT, change, prop, said


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
