"""What no healthy Salesforce sends: every row of the catalogue's part on its outbound messages, over the front door."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx
import pytest
from support.front_door import Bench
from support.salesforce import ACME, ORG, message, record

ACK = b"<Ack>true</Ack>"
GOOD = message(record("Account", ACME, created=True))
HEAD = b'<?xml version="1.0" encoding="UTF-8"?>'
ROOT = GOOD.removeprefix(HEAD)


@dataclass
class Door:
    """A connection of Salesforce's."""

    bench: Bench
    connection: dict[str, Any]

    @property
    def path(self) -> str:
        return "/webhooks/" + str(self.connection["webhook_url"]).partition("/webhooks/")[2]

    async def send(self, body: bytes, media: str = "text/xml; charset=utf-8") -> httpx.Response:
        headers = {"content-type": media, "soapaction": '""'}
        return await self.bench.client.post(self.path, content=body, headers=headers)

    async def kept(self) -> list[Any]:
        query = "select * from ingest.delivery where connection_id = $1::uuid order by received_at"
        rows: list[Any] = await self.bench.pool.fetch(query, self.connection["id"])
        return rows

    async def told(self) -> int:
        query = "select count(*) from ingest.event where connection_id = $1::uuid and source = 'salesforce'"
        return int(await self.bench.pool.fetchval(query, self.connection["id"]))


@pytest.fixture
async def door(bench: Bench) -> Door:
    secret = f"secret of {uuid4()}"
    made = await bench.connect(source="salesforce", secret=secret, settings={"organization_id": ORG})
    return Door(bench, made)


@dataclass
class Bait:
    """A server that hostile XML points at; it counts who comes."""

    address: str = ""
    visits: list[bytes] = field(default_factory=list)


@pytest.fixture
async def bait() -> AsyncIterator[Bait]:
    made = Bait()

    async def visited(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        made.visits.append(await reader.readline())
        writer.close()

    server = await asyncio.start_server(visited, "127.0.0.1", 0)
    made.address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield made


def nested(depth: int) -> bytes:
    return HEAD + b"<a>" * depth + b"</a>" * depth


def with_entities(count: int) -> bytes:
    """Entities that each stand for ten of the one before."""
    lines = [f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, count)]
    return HEAD + f'<!DOCTYPE x [<!ENTITY e0 "lol">{"".join(lines)}]><x>&e{count - 1};</x>'.encode()


def with_prolog(prolog: bytes) -> bytes:
    return HEAD + prolog + ROOT


def in_account(text: str) -> bytes:
    return message(record("Account", ACME, Name=text))


REFUSED: dict[str, tuple[bytes, int]] = {
    "F1s-doctype": (with_prolog(b"<!DOCTYPE x>"), 400),
    "F1s-public-doctype": (with_prolog(b'<!DOCTYPE x PUBLIC "-//x" "{bait}/x.dtd">'), 400),
    "F1s-internal-entity": (with_prolog(b'<!DOCTYPE x [<!ENTITY a "b">]>'), 400),
    "F1s-external-entity": (with_prolog(b'<!DOCTYPE x [<!ENTITY a SYSTEM "{bait}/secret">]>'), 400),
    "F1s-file-entity": (with_prolog(b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'), 400),
    "F1s-parameter-entity": (with_prolog(b'<!DOCTYPE x [<!ENTITY % a SYSTEM "{bait}/x"> %a;]>'), 400),
    "F1s-undeclared-entity": (in_account("&nbsp;"), 400),
    "F2s-exponential": (with_entities(30), 400),
    "F2s-quadratic": (
        HEAD + b'<!DOCTYPE x [<!ENTITY a "' + b"a" * 100_000 + b'">]><x>' + b"&a;" * 100_000 + b"</x>",
        400,
    ),
    "F3s-depth-65": (nested(65), 400),
    "F3s-depth-100000": (nested(100_000), 400),
    "F3s-201-attributes": (HEAD + b"<a " + b" ".join(b'a%d="x"' % n for n in range(201)) + b"/>", 400),
    "F3s-201-namespaces": (HEAD + b"<a " + b" ".join(b'xmlns:a%d="x"' % n for n in range(201)) + b"/>", 400),
    "F3s-name-of-2-MB": (HEAD + b"<" + b"a" * 2_000_000 + b"/>", 400),
    "F3s-20001-elements": (GOOD.replace(b"<ActionId>", b"<b/>" * 20_000 + b"<ActionId>"), 400),
    "F3s-a-million-elements": (HEAD + b"<a>" + b"<b/>" * 1_000_000 + b"</a>", 400),
    "F4s-utf-7": (b'<?xml version="1.0" encoding="UTF-7"?>' + ROOT, 400),
    "F4s-utf-7-undeclared": (b"+ADw-?xml version=+ACI-1.0+ACI-?+AD4-", 400),
    "F4s-utf-16": (GOOD.decode().replace("UTF-8", "UTF-16").encode("utf-16"), 400),
    "F4s-utf-16-undeclared": (ROOT.decode().encode("utf-16-le"), 400),
    "F4s-utf-32": (GOOD.decode().encode("utf-32"), 400),
    "F4s-unknown-encoding": (b'<?xml version="1.0" encoding="x-none"?>' + ROOT, 400),
    "F4s-latin-1": (b'<?xml version="1.0" encoding="ISO-8859-1"?>' + ROOT, 400),
    "F4s-no-utf-8": (GOOD.replace(b"created", b"cr\xe9ated").replace(b"2026", b"\xff026"), 400),
    "F4s-overlong": (in_account("x").replace(b">x<", b">\xc0\xa0<"), 400),
    "F4s-xml-1.1": (b'<?xml version="1.1" encoding="UTF-8"?>' + ROOT, 400),
    "F6s-zero": (in_account("&#0;"), 400),
    "F6s-one": (in_account("&#x1;"), 400),
    "F6s-surrogate": (in_account("&#xD800;"), 400),
    "F6s-raw-control": (in_account("\x01"), 400),
    "F6s-raw-zero": (in_account("\0"), 400),
    "F7s-other-organisation": (message(record("Account", ACME), org="00Dxx0000001gPGEAY"), 403),
    "F7s-no-organisation": (GOOD.replace(f"<OrganizationId>{ORG}</OrganizationId>".encode(), b""), 400),
    "F7s-two-organisations": (
        GOOD.replace(b"<ActionId>", f"<OrganizationId>{ORG}</OrganizationId><ActionId>".encode()),
        400,
    ),
    "F8s-no-notification": (message(), 400),
    "F8s-no-id": (GOOD.replace(b"<Id>04lxx000000CaS0</Id>", b""), 400),
    "F8s-empty-id": (GOOD.replace(b"<Id>04lxx000000CaS0</Id>", b"<Id/>"), 400),
    "F8s-id-of-300-characters": (GOOD.replace(b"04lxx000000CaS0", b"0" * 300), 400),
    "F11s-soap-1.2": (
        GOOD.replace(b"http://schemas.xmlsoap.org/soap/envelope/", b"http://www.w3.org/2003/05/soap-envelope"),
        400,
    ),
    "F11s-wrong-namespace": (GOOD.replace(b"http://soap.sforce.com/2005/09/outbound", b"urn:another"), 400),
    "F11s-no-envelope": (HEAD + b"<a/>", 400),
    "F11s-fault": (ROOT[: ROOT.index(b"<notifications")] + b"<soapenv:Fault/></soapenv:Body></soapenv:Envelope>", 400),
    "F11s-attachments": (b"--x\r\nContent-Type: text/xml\r\n\r\n" + GOOD + b"\r\n--x--", 400),
    "F11s-cut": (GOOD[:-5], 400),
    "F11s-trailing-text": (GOOD + b"x", 400),
    "F11s-empty": (b"", 400),
    "F11s-json": (b"[]", 400),
}


@pytest.mark.parametrize("row", REFUSED)
async def test_what_no_healthy_salesforce_sends_is_refused_in_soap_and_fetches_nothing(
    door: Door, bait: Bait, row: str
) -> None:
    body, status = REFUSED[row]
    started = time.monotonic()
    answer = await door.send(body.replace(b"{bait}", bait.address.encode()))
    assert (answer.status_code, answer.headers["content-type"]) == (status, "text/xml; charset=utf-8")
    assert b"<Ack>false</Ack>" in answer.content
    # A bound that a busy machine holds as well; what grows without one would take minutes.
    assert time.monotonic() - started < 5
    assert await door.kept() == []
    assert bait.visits == []


@pytest.mark.parametrize("media", ["application/soap+xml; charset=utf-8", 'multipart/related; type="text/xml"'])
async def test_f11s_other_kinds_of_soap_are_refused_in_soap(door: Door, media: str) -> None:
    body = GOOD.replace(b"http://schemas.xmlsoap.org/soap/envelope/", b"http://www.w3.org/2003/05/soap-envelope")
    answer = await door.send(body, media)
    assert (answer.status_code, b"<Ack>false</Ack>" in answer.content) == (400, True)


async def test_f4s_an_encoding_that_only_the_header_names_is_refused(door: Door) -> None:
    answer = await door.send(GOOD, "text/xml; charset=utf-16")
    assert (answer.status_code, b"<Ack>false</Ack>" in answer.content) == (400, True)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(with_prolog(b'<?xml-stylesheet href="{bait}/x.xsl" type="text/xsl"?>'), id="F5s-stylesheet"),
        pytest.param(
            GOOD.replace(
                b"<sf:CreatedDate>",
                b'<i:include xmlns:i="http://www.w3.org/2001/XInclude" href="{bait}/x"/><sf:CreatedDate>',
            ),
            id="F5s-xinclude",
        ),
        pytest.param(
            GOOD.replace(b"<soapenv:Body>", b'<soapenv:Body xsi:schemaLocation="urn:x {bait}/x.xsd">'), id="F5s-schema"
        ),
        pytest.param(b"\xef\xbb\xbf" + GOOD, id="W19-byte-order-mark"),
        pytest.param(ROOT, id="F4s-no-declaration"),
    ],
)
async def test_what_points_elsewhere_is_not_followed(door: Door, bait: Bait, body: bytes) -> None:
    answer = await door.send(body.replace(b"{bait}", bait.address.encode()))
    await door.bench.relay()
    assert (answer.status_code, ACK in answer.content) == (200, True)
    assert [row["state"] for row in await door.kept()] == ["done"]
    assert bait.visits == []


async def test_f8s_more_than_a_hundred_notifications_are_taken(door: Door) -> None:
    records = (record("Account", f"001{n:012d}", created=True) for n in range(101))
    body = message(*records)
    for number in range(101):
        body = body.replace(f"<Id>04lxx000000CaS{number}</Id>".encode(), f"<Id>04l{number:012d}</Id>".encode())
    assert (await door.send(body)).status_code == 200
    await door.bench.relay()
    assert [(row["elements"], row["state"]) for row in await door.kept()] == [(101, "done")]
    assert await door.told() == 101


async def test_f9s_both_forms_of_one_id_are_one_fact(door: Door) -> None:
    short, whole = GOOD.replace(b"CaS0<", b"CaSd<"), GOOD.replace(b"CaS0<", b"CaSdAAK<")
    assert {(await door.send(body)).status_code for body in (short, whole)} == {200}
    await door.bench.relay()
    assert [(row["relayed"], row["duplicates"]) for row in await door.kept()] == [(1, 0), (0, 1)]
    assert await door.told() == 1


async def test_f10s_a_session_id_is_nowhere_afterwards(
    door: Door, caplog: pytest.LogCaptureFixture, capsys: Any
) -> None:
    session = f"00Dxx0000001gPF!{uuid4().hex}"
    live = GOOD.replace(b'<SessionId xsi:nil="true"/>', f"<SessionId>{session}</SessionId>".encode())
    again = live.replace(session.encode(), b"another session of the retry")
    assert [(await door.send(body)).status_code for body in (live, again)] == [200, 200]
    assert (await door.send(live.replace(b"</soapenv:Envelope>", b""))).status_code == 400
    await door.bench.relay()
    rows = await door.kept()
    assert len(rows) == 1, "a retry in another session is the same delivery"
    assert session.encode() not in b"".join(bytes(row["body"]) for row in rows)
    assert session not in repr([dict(row) for row in rows])
    logged = capsys.readouterr()
    assert session not in caplog.text + logged.out + logged.err
    assert session not in (await door.bench.client.get(f"/deliveries/{rows[0]['id']}")).text


async def test_f12s_a_message_whose_answer_was_lost_is_acknowledged_again_and_kept_once(door: Door) -> None:
    body = GOOD.replace(b"04lxx000000CaS0", uuid4().hex[:15].encode())
    answers = [await door.send(body) for _ in range(3)]
    await door.bench.relay()
    assert {(answer.status_code, answer.content) for answer in answers} == {(200, answers[0].content)}
    assert ACK in answers[0].content
    assert len(await door.kept()) == await door.told() == 1


async def test_no_address_without_its_secret_segment_is_there(door: Door) -> None:
    base = f"/webhooks/salesforce/{door.connection['id']}"
    for path in (base, f"{base}/wrong", f"{base}/", f"{door.path}/x"):
        answer = await door.bench.client.post(path, content=GOOD, headers={"content-type": "text/xml"})
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert await door.kept() == []


async def test_a_secret_that_was_rotated_lets_in_at_both_addresses(door: Door) -> None:
    path = f"/connections/{door.connection['id']}/rotate"
    made = (await door.bench.client.post(path, json={})).raise_for_status().json()
    new = Door(door.bench, made)
    assert new.path != door.path
    assert [(await one.send(GOOD)).status_code for one in (door, new)] == [200, 200]
