"""Claims about the forms on the screens: they need no script, keep what was typed, and take nothing from elsewhere."""

import re
from collections.abc import AsyncIterator
from html import unescape
from uuid import UUID

import httpx
import pytest
from support.forms import FORMS, send, words
from support.people import OVERRIDE, PULSE, Office
from support.scoring_web import Web, running

EVIL = '<script>alert(1)</script>\n"><img src=x onerror=alert(2)>'


@pytest.fixture(scope="module")
async def web(database_url: str, redis_url: str) -> AsyncIterator[Web]:
    async with running(database_url, redis_url, "production") as made:
        yield made


@pytest.fixture
async def account(office: Office) -> UUID:
    return await office.customer()


@pytest.fixture(scope="module")
async def shared(office: Office) -> UUID:
    return await office.customer()


@pytest.mark.parametrize("form", FORMS)
async def test_a_form_is_taken_and_leads_back_to_its_place(
    visitor: httpx.AsyncClient, client: httpx.AsyncClient, account: UUID, form: str
) -> None:
    answer = await send(visitor, f"/app/accounts/{account}/{form}", FORMS[form])
    page = await visitor.get(f"/app/accounts/{account}")
    kept = (await client.get(f"/accounts/{account}/{form}")).text

    assert (answer.status_code, answer.headers["location"]) == (303, f"/app/accounts/{account}#{form}")
    assert f'id="{form}"' in page.text
    for text in FORMS[form].values():
        if " " in text:
            assert text in words(page.text)
            assert text in kept
    assert '"author":"crm bridge"' in kept, "who signed in signs"


@pytest.mark.parametrize(
    ("form", "change", "wrong"),
    [
        ("override", {"reason": "  "}, ("override-reason-wrong", "This is needed.")),
        ("override", {"days": "31"}, ("override-days-wrong", "At most 30.")),
        ("override", {"days": "soon"}, ("override-days-wrong", "A number.")),
        ("override", {"days": "nan"}, ("override-days-wrong", "A number.")),
        ("override", {"days": "1_0"}, ("override-days-wrong", "A number.")),
        ("pulse", {"days": "0.001"}, ("pulse-days-wrong", "A pulse ends at least an hour")),
        ("override", {"band": "blue"}, ("override-band-wrong", "No such band: known here: green, yellow, red.")),
        ("pulse", {"value": "splendid"}, ("pulse-value-wrong", "Expected 0 to 100 or a word")),
        ("notes", {"text": "x" * 20_000}, ("notes-text-wrong", "At most 5000 characters.")),
        ("notes", {"text": "a\x00b"}, ("notes-text-wrong", "Expected plain text")),
        ("notes", {"visibility": "all"}, ("notes-visibility-wrong", "Choose one of these.")),
        ("feedback", {"signal": "open_criticl"}, ("feedback-signal-wrong", "did you mean open_critical?")),
    ],
)
async def test_what_is_wrong_stands_beside_its_field_and_what_was_typed_is_kept(
    visitor: httpx.AsyncClient, shared: UUID, form: str, change: dict[str, str], wrong: tuple[str, str]
) -> None:
    fields = FORMS[form] | change
    answer = await send(visitor, f"/app/accounts/{shared}/{form}", fields)
    beside = re.search(f'id="{wrong[0]}">([^<]*)<', answer.text)

    assert answer.status_code == 422
    assert beside is not None
    assert wrong[1] in unescape(beside[1])
    assert not beside[1].endswith("?."), "a question ends with one mark"
    assert f'aria-describedby="{wrong[0]}' in answer.text
    for text in fields.values():
        if " " in text.strip():
            assert text in unescape(answer.text), "typed once is enough"


async def test_a_refusal_of_the_law_stands_beside_its_field_too(visitor: httpx.AsyncClient, account: UUID) -> None:
    await send(visitor, f"/app/accounts/{account}/override", FORMS["override"])
    answer = await send(visitor, f"/app/accounts/{account}/override", FORMS["override"])

    assert answer.status_code == 422
    assert re.search('id="override-reason-wrong">Renewing an override needs a new reason', answer.text)
    assert re.search(r"<details open>\s*<summary>Replace it", answer.text)


async def test_an_override_can_be_ended_and_a_pulse_taken_back(
    visitor: httpx.AsyncClient, client: httpx.AsyncClient, account: UUID
) -> None:
    await client.post(f"/accounts/{account}/override", json=OVERRIDE)
    pulse = (await client.post(f"/accounts/{account}/pulse", json=PULSE)).json()
    ended = await send(visitor, f"/app/accounts/{account}/override/end", {})
    taken = await send(visitor, f"/app/accounts/{account}/pulse/take-back", {"pulse": pulse["id"]})
    again = await send(visitor, f"/app/accounts/{account}/pulse/take-back", {"pulse": pulse["id"]})

    assert (ended.headers["location"], taken.headers["location"]) == (
        f"/app/accounts/{account}#override", f"/app/accounts/{account}#pulse",
    )  # fmt: skip
    assert again.status_code == 404
    assert (await client.get(f"/accounts/{account}/override")).json()["current"] is None
    assert (await client.get(f"/accounts/{account}/pulse")).json()["current"] is None


async def test_a_note_can_be_deleted(visitor: httpx.AsyncClient, client: httpx.AsyncClient, account: UUID) -> None:
    await send(visitor, f"/app/accounts/{account}/notes", FORMS["notes"])
    (note,) = (await client.get(f"/accounts/{account}/notes")).json()["data"]
    gone = await send(visitor, f"/app/accounts/{account}/notes/delete", {"note": note["id"]})
    wrong = await send(visitor, f"/app/accounts/{account}/notes/delete", {"note": "x"})

    assert (gone.status_code, wrong.status_code) == (303, 404)
    assert "No notes yet" in (await visitor.get(f"/app/accounts/{account}")).text


async def test_what_people_write_is_text_on_every_page(
    visitor: httpx.AsyncClient, client: httpx.AsyncClient, account: UUID
) -> None:
    await client.post(f"/accounts/{account}/notes", json={"text": EVIL, "author": "<b>Eve</b>"})
    await client.post(f"/accounts/{account}/override", json=OVERRIDE | {"reason": EVIL})
    await client.post(f"/accounts/{account}/pulse", json=PULSE | {"reason": EVIL})
    await client.post(f"/accounts/{account}/feedback", json={"because": EVIL})
    kept = await send(visitor, f"/app/accounts/{account}/notes", {"text": EVIL, "visibility": "<i>"})
    for path in (f"/app/accounts/{account}", "/app/feedback", "/app/overrides"):
        page = await visitor.get(path)
        assert page.status_code == 200
        assert "<script" not in page.text
        assert "<img" not in page.text
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.text
    assert "<script" not in kept.text
    assert "<b>Eve" not in (await visitor.get(f"/app/accounts/{account}")).text


async def test_a_text_keeps_its_lines_on_the_page(visitor: httpx.AsyncClient, account: UUID) -> None:
    await send(
        visitor, f"/app/accounts/{account}/notes", {"text": "One.\r\nTwo.\u200fStill two.", "visibility": "internal"}
    )

    assert "<bdi>One.</bdi><br><bdi>Two.\u200fStill two.</bdi>" in (await visitor.get(f"/app/accounts/{account}")).text


@pytest.mark.parametrize(
    "headers",
    [{"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}, {"sec-fetch-site": "none"},
     {"sec-fetch-site": "", "origin": "https://evil.example"}, {"sec-fetch-site": "", "origin": "null"},
     {"sec-fetch-site": ""}],
)  # fmt: skip
@pytest.mark.parametrize("form", [*FORMS, "override/end", "notes/delete"])
async def test_a_form_that_another_page_sent_says_nothing(
    office: Office,
    visitor: httpx.AsyncClient,
    client: httpx.AsyncClient,
    shared: UUID,
    form: str,
    headers: dict[str, str],
) -> None:
    async with office.web.client() as forger:
        forger.cookies = visitor.cookies
        answer = await send(forger, f"/app/accounts/{shared}/{form}", FORMS.get(form, {}), **headers)

    assert answer.status_code == 403
    if form in FORMS:
        assert FORMS[form].get("reason", "Import waits") not in (await client.get(f"/accounts/{shared}/{form}")).text


async def test_a_form_without_fetch_metadata_is_known_by_its_origin(visitor: httpx.AsyncClient, account: UUID) -> None:
    answer = await send(
        visitor,
        f"/app/accounts/{account}/notes",
        FORMS["notes"],
        **{"sec-fetch-site": "", "origin": "http://localhost"},
    )

    assert answer.status_code == 303


async def test_forms_are_only_posted(visitor: httpx.AsyncClient, shared: UUID) -> None:
    for form in (*FORMS, "override/end"):
        answer = await visitor.get(f"/app/accounts/{shared}/{form}")
        assert answer.status_code in (404, 405), form


async def test_who_may_only_read_sees_what_was_said_and_no_form(office: Office, account: UUID) -> None:
    async with office.client() as client:
        await client.post(f"/accounts/{account}/notes", json={"text": "Seen by all."})
    async with office.web.client() as reader:
        await send(reader, "/app/sign-in", {"key": office.web.reader})
        page = (await reader.get(f"/app/accounts/{account}")).text
        refused = await send(reader, f"/app/accounts/{account}/notes", FORMS["notes"])
        inbox = (await reader.get("/app/feedback")).text

    assert "Seen by all." in page
    assert f'method="post" action="/app/accounts/{account}/' not in page
    assert "/answer" not in inbox
    assert refused.status_code == 403


async def test_who_is_signed_out_is_led_to_the_sign_in_page(office: Office, shared: UUID) -> None:
    async with office.web.client() as stranger:
        answer = await send(stranger, f"/app/accounts/{shared}/notes", FORMS["notes"])
        inbox = await stranger.get("/app/feedback?owner=Dana")

    assert (answer.status_code, answer.headers["location"]) == (303, "/app/sign-in?next=%2Fapp%2F")
    assert inbox.headers["location"] == "/app/sign-in?next=%2Fapp%2Ffeedback%3Fowner%3DDana"


async def test_on_ones_own_machine_in_development_the_machine_signs(
    database_url: str, redis_url: str, account: UUID
) -> None:
    async with running(database_url, redis_url, "development") as home, home.client() as visitor:
        answer = await send(visitor, f"/app/accounts/{account}/notes", FORMS["notes"])
        page = words((await visitor.get(f"/app/accounts/{account}")).text)

    assert answer.status_code == 303
    assert "this machine, just now" in page
