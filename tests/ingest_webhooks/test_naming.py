"""Claims about the API of identity: any key finds the account, people outrank providers, and all of it is on record."""

import itertools
import time
from typing import Any
from uuid import uuid4

import pytest

from .conftest import Bench, batch, change, linked

_names = itertools.count(1)
AT = "2026-11-01T09:30:00Z"


def fresh(kind: str = "external") -> str:
    return f"{kind}:n{next(_names)}"


async def tell(bench: Bench, account: str, **more: Any) -> None:
    """Let something happen at an account, and relay it."""
    event = {"id": str(uuid4()), "type": "feature.used", "account": account, "occurred_at": AT} | more
    (await bench.client.post("/events", json=event)).raise_for_status()
    await bench.relay()


async def ask(bench: Bench, method: str, path: str, body: Any = None) -> tuple[int, dict[str, Any]]:
    answer = await bench.client.request(method, path, json=body)
    return answer.status_code, answer.json() if answer.content else {}


async def found(bench: Bench, reference: str) -> str | None:
    status, answer = await ask(bench, "GET", f"/accounts/lookup?reference={reference}")
    assert status in (200, 404), answer
    return answer.get("account_id")


async def opened(bench: Bench) -> tuple[str, str]:
    reference = fresh()
    await tell(bench, reference)
    account = await found(bench, reference)
    assert account is not None
    return reference, account


async def told(bench: Bench, kind: str, reference: str) -> list[Any]:
    rows = await bench.pool.fetch(
        "select account_id from ingest.event where type = $1 and value_text = $2 and source = 'milepost' order by id",
        kind,
        reference,
    )
    return [str(row["account_id"]) for row in rows]


async def test_an_account_is_found_by_any_of_its_keys_and_by_no_other(bench: Bench) -> None:
    reference, account = await opened(bench)
    domain = f"domain:{reference.partition(':')[2]}.example"
    assert (await ask(bench, "POST", f"/accounts/{account}/references", {"reference": domain}))[0] == 201
    assert await found(bench, domain.upper().replace("DOMAIN", "domain")) == account
    assert await found(bench, account) == account
    assert await found(bench, fresh()) is None
    assert (await ask(bench, "GET", "/accounts/lookup?reference=nonsense"))[0] == 422


async def test_an_account_made_by_hand_takes_what_waited_with_its_own_time(bench: Bench) -> None:
    domain = f"domain:{uuid4().hex}.example"
    await tell(bench, domain)
    assert await found(bench, domain) is None
    status, made = await ask(bench, "POST", "/accounts", {"references": [domain], "reason": "signed today"})
    events = await bench.events(domain)

    assert (status, made["references"]) == (201, [domain])
    assert await found(bench, domain) == made["account_id"]
    assert [row["occurred_at"].isoformat() for row in events] == ["2026-11-01T09:30:00+00:00"]
    assert await told(bench, "account.linked", domain) == [made["account_id"]]
    assert (await ask(bench, "POST", "/accounts", {"references": [domain]}))[1]["type"].endswith("reference_taken")


async def test_a_reference_that_is_taken_away_leads_nowhere_readers_are_told_and_events_wait_again(
    bench: Bench,
) -> None:
    reference, account = await opened(bench)
    domain = f"domain:{uuid4().hex}.example"
    path = f"/accounts/{account}/references"
    await ask(bench, "POST", path, {"reference": domain})
    await tell(bench, domain)
    assert (await ask(bench, "DELETE", f"{path}/{domain}"))[0] == 204
    assert (await ask(bench, "DELETE", f"{path}/{domain}"))[0] == 404
    await tell(bench, domain)

    assert await found(bench, domain) is None
    assert await told(bench, "account.unlinked", domain) == [account]
    waiting = "select count(*) from ingest.waiting_event where reference = $1"
    assert await bench.pool.fetchval(waiting, domain) == 2
    assert len([row for row in await bench.events(reference) if row["type"] == "event.retracted"]) == 1


async def test_a_reference_moves_only_when_asked_to_and_keeps_its_history(bench: Bench) -> None:
    (_, first), (_, second) = await opened(bench), await opened(bench)
    domain = f"domain:{uuid4().hex}.example"
    await ask(bench, "POST", f"/accounts/{first}/references", {"reference": domain, "reason": "they said so"})
    wanted = {"reference": domain}
    assert (await ask(bench, "POST", f"/accounts/{second}/references", wanted))[0] == 409
    assert (await ask(bench, "POST", f"/accounts/{second}/references", wanted | {"move": True}))[0] == 201
    _, page = await ask(bench, "GET", f"/accounts/{first}/references")
    (line,) = [one for one in page["data"] if one["reference"] == domain]

    assert line["account_id"] == second
    assert [span["account_id"] for span in line["history"]] == [first, second]
    assert line["history"][0]["until"] == line["history"][1]["since"] is not None
    assert [(word["kind"], word["author"], word["reason"]) for word in line["words"]] == [
        ("hand", "tests", ""),
        ("hand", "tests", "they said so"),
    ]


async def test_references_come_in_pages_that_miss_none(bench: Bench) -> None:
    _, account = await opened(bench)
    wanted = {f"domain:p{number}.{uuid4().hex}.example" for number in range(5)}
    for reference in wanted:
        await ask(bench, "POST", f"/accounts/{account}/references", {"reference": reference})
    seen: list[str] = []
    query = "?limit=2"
    while query:
        _, page = await ask(bench, "GET", f"/accounts/{account}/references{query}")
        seen += [one["reference"] for one in page["data"]]
        query = f"?limit=2&cursor={page['next_cursor']}" if page["next_cursor"] else ""
    assert (len(seen), set(seen) >= wanted) == (6, True)
    assert (await ask(bench, "GET", f"/accounts/{account}/references?cursor=forged"))[1]["type"].endswith("bad_cursor")


async def test_accounts_merged_by_hand_are_one_with_who_and_why_and_again_changes_nothing(bench: Bench) -> None:
    (one, gone), (two, survivor) = await opened(bench), await opened(bench)
    wanted = {"into": survivor, "reason": "bought last week"}
    merged = (200, {"account_id": gone, "merged_into": survivor})
    assert await ask(bench, "POST", f"/accounts/{gone}/merge", wanted) == merged
    assert await ask(bench, "POST", f"/accounts/{gone}/merge", wanted) == merged
    await tell(bench, one)
    words = await bench.pool.fetch(
        "select author, reason from ingest.reference_link where reference = $1 and kind = 'same'", gone
    )

    assert await found(bench, one) == await found(bench, two) == await found(bench, gone) == survivor
    assert await told(bench, "account.merged", survivor) == [gone]
    assert [tuple(word) for word in words] == [("tests", "bought last week")]


@pytest.mark.parametrize("case", ["itself", "unknown", "into nobody", "elsewhere", "back"])
async def test_a_merge_that_makes_no_sense_says_why(bench: Bench, case: str) -> None:
    (_, one), (_, two), (_, three) = await opened(bench), await opened(bench), await opened(bench)
    await ask(bench, "POST", f"/accounts/{two}/merge", {"into": three})
    nobody = str(uuid4())
    gone, into, status, code = {
        "itself": (one, one, 422, "not_valid"),
        "unknown": (nobody, one, 404, "not_found"),
        "into nobody": (one, nobody, 422, "not_valid"),
        "elsewhere": (two, one, 409, "merged_already"),
        "back": (three, two, 422, "not_valid"),
    }[case]
    answer = await ask(bench, "POST", f"/accounts/{gone}/merge", {"into": into})
    assert (answer[0], answer[1]["type"].rpartition("/")[2]) == (status, code)


async def test_a_chain_of_merges_by_hand_ends_at_the_last_account(bench: Bench) -> None:
    (_, one), (_, two), (_, three) = await opened(bench), await opened(bench), await opened(bench)
    await ask(bench, "POST", f"/accounts/{one}/merge", {"into": two})
    await ask(bench, "POST", f"/accounts/{two}/merge", {"into": three})
    assert await found(bench, one) == three


async def test_what_waits_is_listed_with_accounts_that_it_may_mean_and_why(bench: Bench) -> None:
    _, account = await opened(bench)
    host = f"{uuid4().hex}.example"
    await ask(bench, "POST", f"/accounts/{account}/references", {"reference": f"domain:{host}"})
    await tell(bench, f"domain:eu.{host}")
    await tell(bench, "hubspot:77:contact:1", actor=f"anna@{host}")
    _, page = await ask(bench, "GET", "/accounts/unmapped?limit=200")
    lines = {one["reference"]: one for one in page["data"]}

    assert lines[f"domain:eu.{host}"]["candidates"] == [
        {"account_id": account, "reference": f"domain:{host}", "because": "the domain above it"}
    ]
    (near,) = lines["hubspot:77:contact:1"]["candidates"]
    assert near["because"] == "the mail domain of somebody in its events"
    first = (await ask(bench, "GET", "/accounts/unmapped?limit=1"))[1]
    second = (await ask(bench, "GET", f"/accounts/unmapped?limit=1&cursor={first['next_cursor']}"))[1]
    assert first["data"][0]["reference"] < second["data"][0]["reference"]


async def test_what_a_person_linked_stays_when_the_crm_says_otherwise(bench: Bench) -> None:
    _, account = await opened(bench)
    contact = "hubspot:78:contact:5"
    await ask(bench, "POST", f"/accounts/{account}/references", {"reference": contact})
    await bench.deliver(batch(linked("contact", 78, 5, 500, occurredAt=int(time.time() * 1000))))
    await bench.relay()
    assert await found(bench, contact) == account
    assert await found(bench, "hubspot:78:500") not in (None, account)


async def test_a_contact_that_is_known_by_its_company_brings_over_what_waited_for_its_ticket(bench: Bench) -> None:
    ticket = "zendesk:acme:ticket:9"
    await tell(bench, ticket, type="ticket.opened", item=ticket)
    _, account = await opened(bench)
    await bench.deliver(batch(change("company.creation", 79, 1), linked("contact", 79, 2, 1)))
    await bench.relay()
    assert await found(bench, ticket) is None
    await ask(bench, "POST", f"/accounts/{account}/references", {"reference": ticket})
    assert "ticket.opened" in [row["type"] for row in await bench.events(ticket)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("domain:www.p{n}.com", "domain:P{n}.com."),
        ("domain:b\u00fccher{n}.de", "domain:anna@B\u00dcCHER{n}.de"),
        ("salesforce:00D0000000000{n}:001D000000IRFma", "salesforce:00D0000000000{n}EAA:001D000000IRFmaIAH"),
    ],
)
async def test_two_ways_to_write_a_reference_are_one_at_every_door(bench: Bench, one: str, other: str) -> None:
    number = f"{next(_names) % 90 + 10}"
    one, other = one.format(n=number), other.format(n=number)
    status, made = await ask(bench, "POST", "/accounts", {"references": [one]})
    await tell(bench, other)
    await tell(bench, one)

    assert status == 201
    assert await found(bench, one) == await found(bench, other) == made["account_id"]
    assert len(await bench.events(made["references"][0])) == 2
    assert (await ask(bench, "POST", "/accounts", {"references": [other]}))[0] == 409
    assert (await ask(bench, "DELETE", f"/accounts/{made['account_id']}/references/{other}"))[0] == 204
    assert await found(bench, one) is None


@pytest.mark.parametrize("host", ["gmail.com", "GMX.de", "mail.gmail.com", "co.uk", "www.yahoo.co.uk", "nas.local"])
async def test_a_domain_of_no_one_company_is_named_to_no_account(bench: Bench, host: str) -> None:
    _, account = await opened(bench)
    by_hand = await ask(bench, "POST", f"/accounts/{account}/references", {"reference": f"domain:{host}"})
    made = await ask(bench, "POST", "/accounts", {"references": [fresh(), f"domain:{host}"]})

    assert [(status, answer["type"].rpartition("/")[2]) for status, answer in (by_hand, made)] == [
        (422, "shared_domain")
    ] * 2
    assert [answer["errors"][0]["pointer"] for _, answer in (by_hand, made)] == ["/reference", "/references/1"]
    assert "no one company's own" in made[1]["errors"][0]["detail"]


async def test_taking_a_link_by_hand_back_lets_the_crms_word_count_again_and_the_history_says_so(bench: Bench) -> None:
    _, account = await opened(bench)
    contact, company = "hubspot:80:contact:5", "hubspot:80:500"
    await bench.deliver(batch(change("company.creation", 80, 500), linked("contact", 80, 5, 500)))
    await bench.relay()
    await ask(bench, "POST", f"/accounts/{account}/references", {"reference": contact, "move": True})
    assert await found(bench, contact) == account
    assert (await ask(bench, "DELETE", f"/accounts/{account}/references/{contact}"))[0] == 204
    theirs = await found(bench, company)
    _, page = await ask(bench, "GET", f"/accounts/{theirs}/references")
    (line,) = [one for one in page["data"] if one["reference"] == contact]

    assert theirs is not None
    assert (await found(bench, contact), line["account_id"]) == (theirs, theirs)
    assert [span["account_id"] for span in line["history"]] == [theirs]
    assert [word["kind"] for word in line["words"]] == ["unhand", "hand", "primary"]
    assert (await ask(bench, "DELETE", f"/accounts/{theirs}/references/{contact}"))[0] == 204
    assert await found(bench, contact) is None


async def test_a_companys_own_name_goes_back_to_its_account_when_a_link_by_hand_is_taken_back(bench: Bench) -> None:
    (reference, first), (_, second) = await opened(bench), await opened(bench)
    await ask(bench, "POST", f"/accounts/{second}/references", {"reference": reference, "move": True})
    assert await found(bench, reference) == second
    await ask(bench, "DELETE", f"/accounts/{second}/references/{reference}")
    assert await found(bench, reference) == first
