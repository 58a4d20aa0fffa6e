"""The development mailbox takes mail over real SMTP, shows it harmlessly, and fails on request as networks do."""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator
from email.message import EmailMessage
from pathlib import Path

import aiosmtplib
import httpx
import pytest

from milepost_devstack import ports, spawning
from milepost_devstack.mailbox.letters import Letters
from milepost_devstack.readiness import until_ready

pytestmark = pytest.mark.anyio


class Mailbox:
    def __init__(self, home: Path, http: int, smtp: int) -> None:
        self.home, self.smtp = home, smtp
        self.client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{http}", trust_env=False)

    async def send(self, message: EmailMessage, *, to: list[str] | None = None, timeout_s: float = 10) -> None:
        await aiosmtplib.send(message, recipients=to, hostname="127.0.0.1", port=self.smtp, timeout=timeout_s)


@contextlib.asynccontextmanager
async def running(home: Path, **more: str) -> AsyncIterator[Mailbox]:
    http, smtp = ports.any_free(), ports.any_free()
    env = {name: value for name, value in os.environ.items() if not name.startswith("MILEPOST_")} | {
        "MILEPOST_HOME": str(home),
        "MILEPOST_MAILBOX_PORT": str(http),
        "MILEPOST_MAILBOX_SMTP_PORT": str(smtp),
        "MILEPOST_RUN_ID": "this-run",
    }
    argv = [sys.executable, "-m", "milepost_devstack.mailbox"]
    child = spawning.start(spawning.Command("mailbox", argv, env | more, home / "mailbox.log"))
    try:
        assert await until_ready(f"http://127.0.0.1:{http}/readyz", "this-run", 20), child.tail()
        mailbox = Mailbox(home, http, smtp)
        async with mailbox.client:
            yield mailbox
    finally:
        assert await child.stop() in (0, -15), child.tail()


@pytest.fixture(scope="module")
async def mailbox(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Mailbox]:
    async with running(tmp_path_factory.mktemp("mailbox") / "a home") as found:
        yield found


@pytest.fixture(autouse=True)
async def _empty(mailbox: Mailbox) -> None:
    assert (await mailbox.client.delete("/messages")).status_code == 204


def letter(
    subject: str = "Two reasons", text: str = "Ünïcode\n.\nand a lone dot\n", html: str | None = None
) -> EmailMessage:
    message = EmailMessage()
    message["From"] = "Milepost <milepost@milepost.example>"
    message["To"] = "Anna <anna@acme.example>"
    message["Subject"] = subject
    message["Message-ID"] = "<effect-1@milepost.example>"
    message["X-Milepost-Correlation-Id"] = "abc-123"
    message.set_content(text)
    if html is not None:
        message.add_alternative(html, subtype="html")
    return message


async def test_a_sent_mail_is_listed_with_its_headers_and_its_text(mailbox: Mailbox) -> None:
    await mailbox.send(letter("Nächste Schritte"), to=["anna@acme.example", "blind@acme.example"])
    (found,) = (await mailbox.client.get("/messages")).json()
    assert found["from"] == "Milepost <milepost@milepost.example>"
    assert found["to"] == ["anna@acme.example", "blind@acme.example"]
    assert found["subject"] == "Nächste Schritte"
    assert found["message_id"] == "<effect-1@milepost.example>"
    assert found["headers"]["X-Milepost-Correlation-Id"] == "abc-123"
    assert found["text"] == "Ünïcode\n.\nand a lone dot\n"
    assert found["received_at"].endswith("Z")
    assert (await mailbox.client.get(f"/messages/{found['id']}")).json() == found
    raw = (await mailbox.client.get(f"/messages/{found['id']}/raw")).content
    assert raw == (mailbox.home / "mailbox" / f"{found['id']}.eml").read_bytes()


async def test_the_newest_mail_comes_first_and_the_same_mail_twice_is_two(mailbox: Mailbox) -> None:
    for subject in ("first", "second", "second"):
        await mailbox.send(letter(subject))
    assert [one["subject"] for one in (await mailbox.client.get("/messages")).json()] == ["second", "second", "first"]


async def test_deleting_empties_the_folder(mailbox: Mailbox) -> None:
    await mailbox.send(letter())
    await mailbox.client.delete("/messages")
    assert (await mailbox.client.get("/messages")).json() == []
    assert not list((mailbox.home / "mailbox").glob("*.eml"))


async def test_what_a_mail_says_is_never_markup_of_the_page(mailbox: Mailbox) -> None:
    evil = '<script>alert(1)</script><img src=x onerror="x">'
    await mailbox.send(letter(evil, text=evil, html=f'<p title="{evil}">"quoted" & {evil}</p>'))
    (found,) = (await mailbox.client.get("/messages")).json()
    for path in ("/", f"/view/{found['id']}"):
        page = await mailbox.client.get(path)
        assert "<script" not in page.text
        assert "<img" not in page.text
        assert "default-src 'none'" in page.headers["content-security-policy"]
    assert 'sandbox="" title="HTML part of this mail" srcdoc="&lt;p title=' in page.text


async def test_an_id_from_outside_is_never_a_path(mailbox: Mailbox) -> None:
    (mailbox.home / "secret.eml").write_text("secret")
    for wrong in ("..%2Fsecret", "..%2F..%2Fetc%2Fpasswd", "nothing"):
        assert (await mailbox.client.get(f"/messages/{wrong}")).status_code == 404
        assert (await mailbox.client.get(f"/messages/{wrong}/raw")).status_code == 404
        assert (await mailbox.client.get(f"/view/{wrong}")).status_code == 404


async def test_a_cut_answer_leaves_the_sender_in_doubt_and_the_mail_kept(mailbox: Mailbox) -> None:
    assert (await mailbox.client.put("/answer", content="cut")).status_code == 204
    try:
        with pytest.raises(aiosmtplib.SMTPException):
            await mailbox.send(letter())
    finally:
        await mailbox.client.put("/answer", content="normal")
    assert len((await mailbox.client.get("/messages")).json()) == 1
    await mailbox.send(letter())


async def test_a_hanging_answer_runs_into_the_senders_patience_and_the_mail_is_kept(tmp_path: Path) -> None:
    async with running(tmp_path, MILEPOST_MAILBOX_ANSWER="hang") as other:
        with pytest.raises(aiosmtplib.SMTPTimeoutError):
            await other.send(letter(), timeout_s=1)
        assert len((await other.client.get("/messages")).json()) == 1


async def test_an_unknown_answer_is_refused(mailbox: Mailbox) -> None:
    answer = await mailbox.client.put("/answer", content="explode")
    assert answer.status_code == 422
    assert "normal, hang, cut" in answer.json()["detail"]


async def test_many_mails_at_once_are_all_kept(mailbox: Mailbox) -> None:
    await asyncio.gather(*(mailbox.send(letter(str(number))) for number in range(40)))
    subjects = {one["subject"] for one in (await mailbox.client.get("/messages")).json()}
    assert subjects == {str(number) for number in range(40)}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe no headers at all",
        b"Subject: =?nope?q?x?=\r\nContent-Type: text/plain; charset=nope\r\n\r\nbody \xff\r\n",
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: text/plain\r\n\r\nopen ended",
        b"Content-Transfer-Encoding: base64\r\nContent-Type: text/html\r\n\r\n%%%",
        b"To: \r\nFrom: <<>>\r\nMessage-ID: broken\r\nDate: never\r\n\r\n",
    ],
)
async def test_a_mail_that_follows_no_rule_is_shown_as_far_as_it_goes(tmp_path: Path, content: bytes) -> None:
    letters = Letters(tmp_path)
    letter_id = letters.keep("a@b.example", ["c@d.example"], content)
    (found,) = letters.all()
    assert found.id == letter_id
    assert found.document()["to"] == ["c@d.example"]


@pytest.mark.parametrize(
    "content",
    [
        b"From: a@x.example\r\nMessage-ID: <\r\nSubject: s\r\n\r\nbody\r\n",
        b"Sender: a@[\r\nSubject: s\r\n\r\nbody\r\n",
        b"Content-Type: text/plain; charset=utf-7\r\nSubject: s\r\n\r\n+2AA-\r\n",
    ],
)
async def test_one_mail_that_no_parser_takes_never_hides_the_others(tmp_path: Path, content: bytes) -> None:
    letters = Letters(tmp_path)
    letters.keep("a@x.example", ["b@x.example"], b"Subject: good\r\n\r\nfine\r\n")
    letters.keep("a@x.example", ["b@x.example"], content)

    documents = [letter.document() for letter in letters.all()]

    assert len(documents) == 2
    assert "good" in {document["subject"] for document in documents}


async def test_an_address_on_the_envelope_never_becomes_a_header(tmp_path: Path) -> None:
    letters = Letters(tmp_path)
    letters.keep("a@x.example", ['"a\r\nBcc: v@y.example"@x.example'], b"Subject: s\r\n\r\nbody\r\n")

    (letter,) = letters.all()
    assert "Bcc" not in letter.headers
    assert "\r\nBcc:" not in letters.raw(letter.id).decode()
