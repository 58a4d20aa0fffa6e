"""Claims about mail as bytes: no value becomes a header, an address stays one address, one mail is always one text."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes
from email.header import decode_header, make_header
from email.policy import compat32

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.mail_server import body_of

from playbook_runner.actions.addresses import BadAddress, check_address
from playbook_runner.actions.message import HeaderRefused, Mail, MailBuilderUnsafe, build, one_line, self_test

HEADERS = [
    "From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "X-Milepost-Effect", "X-Milepost-Correlation-Id",
    "MIME-Version", "Content-Type",
]  # fmt: skip
DANGEROUS = ["\r", "\n", "\r\n", "\0", "\x0b", "\x0c", "\x1b", "\x7f", "\x85", "\u2028", "\u2029", "\ud800", "\u202e"]


def mail(**parts: str) -> Mail:
    return Mail(
        key=bytes(range(32)),
        sender=parts.get("sender", "milepost@vendor.example"),
        sender_name=parts.get("sender_name", "Milepost"),
        recipient=parts.get("recipient", "kim@vendor.example"),
        subject=parts.get("subject", "Aurora is red"),
        text=parts.get("text", "Hello\n"),
        html=parts.get("html", "<p>Hello</p>\n"),
        written_at=datetime(2026, 3, 2, 9, 5, 7, tzinfo=UTC),
        correlation_id=parts.get("correlation_id", "corr-1"),
    )


EARLIER = tuple(f"<{number:064x}@vendor.example>" for number in range(1, 14))
WAY_OUT = "https://out.vendor.example/unsubscribe/" + "a" * 128 + "." + "b" * 43


def test_a_later_mail_names_the_earlier_ones_of_its_conversation() -> None:
    read = message_from_bytes(build(replace(mail(), follows=EARLIER[:3])), policy=compat32)

    assert read["In-Reply-To"] == EARLIER[2]
    assert read["References"].split() == list(EARLIER[:3])


def test_of_a_long_conversation_the_first_mail_and_the_last_nine_are_named() -> None:
    raw = build(replace(mail(), follows=EARLIER))

    assert message_from_bytes(raw, policy=compat32)["References"].split() == [EARLIER[0], *EARLIER[-9:]]
    assert max(len(line) for line in raw.split(b"\r\n")) <= 100


@pytest.mark.parametrize(
    "forged", ["", "x", "<a@b>\r\nBcc: v@o.example", f"{EARLIER[0]} {EARLIER[1]}", "<" + "0" * 64 + "@b c>"]
)
def test_only_message_ids_of_ours_are_named(forged: str) -> None:
    with pytest.raises(HeaderRefused):
        build(replace(mail(), follows=(forged,)))


def test_a_mail_with_a_way_out_can_be_ended_with_one_click() -> None:
    raw = build(replace(mail(), unsubscribe=WAY_OUT))
    read = message_from_bytes(raw, policy=compat32)

    assert read["List-Unsubscribe"] == f"<{WAY_OUT}>"
    assert read["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert max(len(line) for line in raw.split(b"\r\n")) <= 998


def test_one_click_is_only_promised_over_https() -> None:
    read = message_from_bytes(build(replace(mail(), unsubscribe=WAY_OUT.replace("https:", "http:"))), policy=compat32)

    assert read["List-Unsubscribe"] is not None
    assert read["List-Unsubscribe-Post"] is None


@pytest.mark.parametrize(
    "forged",
    [
        "https://o.example/x>, <mailto:v@o.example",
        "https://o.example/\r\nBcc: v@o.example",
        "javascript:x",
        "mailto:v@o.example",
    ],
)
def test_a_way_out_is_one_plain_address(forged: str) -> None:
    with pytest.raises(HeaderRefused):
        build(replace(mail(), unsubscribe=forged))


def header_names(raw: bytes) -> list[str]:
    head = raw.partition(b"\r\n\r\n")[0].decode("ascii")
    return [line.partition(":")[0] for line in head.split("\r\n") if not line.startswith(" ")]


def subject_as_read(raw: bytes) -> str:
    read = message_from_bytes(raw, policy=compat32)["Subject"]
    return str(make_header(decode_header(str(read).replace("\r\n", "").replace("\n", ""))))


@pytest.mark.parametrize("character", DANGEROUS)
@pytest.mark.parametrize("part", ["subject", "sender_name", "correlation_id"])
def test_control_characters_are_refused_in_every_header_value(part: str, character: str) -> None:
    with pytest.raises(HeaderRefused):
        build(mail(**{part: f"a{character}Bcc: victim@other.example"}))


@pytest.mark.parametrize(
    "subject",
    [
        "=?utf-8?q?a=0d=0aBcc:_victim@other.example?=",
        "=?UTF-8?B?YQ0KQmNjOiB2aWN0aW1Ab3RoZXIuZXhhbXBsZQ==?=",
        "before =?utf-8?q?a=0d=0aBcc:_v@o.example?= after",
        "=?utf-8?q?a=0a?=" * 40,
        "half =? and ?= half",
    ],
)
def test_an_encoded_word_arrives_as_the_text_it_is(subject: str) -> None:
    raw = build(mail(subject=subject))

    assert header_names(raw) == HEADERS
    assert b"bcc" not in raw.partition(b"\r\n\r\n")[0].lower()
    assert subject_as_read(raw) == subject


@given(subject=st.text(max_size=200))
def test_any_subject_is_refused_or_read_back_as_written_and_adds_no_header(subject: str) -> None:
    try:
        raw = build(mail(subject=subject))
    except HeaderRefused:
        return
    head = raw.partition(b"\r\n\r\n")[0]

    assert header_names(raw) == HEADERS
    assert max(len(line) for line in head.split(b"\r\n")) <= 100
    if subject == " ".join(subject.split()):
        assert subject_as_read(raw) == subject


@given(text=st.text(max_size=400), html=st.text(max_size=400))
def test_bodies_arrive_as_written_and_end_no_part(text: str, html: str) -> None:
    raw = build(mail(text=text, html=html))
    read = message_from_bytes(raw, policy=compat32)
    expected = [body.replace("\r\n", "\n").replace("\r", "\n").encode(errors="replace") for body in (text, html)]
    found = [part.get_payload(decode=True) for part in read.walk() if not part.is_multipart()]

    assert [isinstance(part, bytes) and part.replace(b"\r\n", b"\n") for part in found] == expected
    assert max(len(line) for line in raw.split(b"\r\n")) <= 998


def test_a_long_line_is_wrapped_and_a_lone_dot_does_not_end_the_message() -> None:
    raw = build(mail(text=".\n" + "x" * 10_000 + "\n", subject="y" * 900))

    assert max(len(line) for line in raw.split(b"\r\n")) <= 100
    assert body_of(message_from_bytes(raw, policy=compat32), "plain") == ".\n" + "x" * 10_000 + "\n"


def test_a_header_of_ten_kilobytes_is_refused() -> None:
    with pytest.raises(HeaderRefused):
        build(mail(subject="a " * 5_000))


def test_the_same_mail_is_the_same_bytes_under_a_message_id_made_of_its_key() -> None:
    raw = build(mail())
    read = message_from_bytes(raw, policy=compat32)

    assert raw == build(mail())
    assert read["Message-ID"] == f"<{bytes(range(32)).hex()}@vendor.example>"
    assert read["X-Milepost-Effect"] == bytes(range(32)).hex()
    assert read["X-Milepost-Correlation-Id"] == "corr-1"
    assert read["Date"] == "Mon, 02 Mar 2026 09:05:07 +0000"


def test_the_senders_name_cannot_bring_an_address_along() -> None:
    raw = build(mail(sender_name='"Boss" <boss@other.example>, x'))

    assert b"boss@other.example" not in raw
    assert raw.startswith(b"From: =?utf-8?b?")


@pytest.mark.parametrize(
    "address",
    [
        "a@b.example, c@d.example",
        "a@b.example;c@d.example",
        "Team: a@b.example;",
        "Kim <a@b.example>",
        '"a\r\nb"@c.example',
        '"quoted"@c.example',
        "a@[127.0.0.1]",
        "a@127.0.0.1",
        "a@localhost",
        "a@b.example\0",
        "a@b.example\r\nBcc: c@d.example",
        "a b@c.example",
        "a@b@c.example",
        "@b.example",
        "a@",
        "",
        "a@-b.example",
        "a@b..example",
        ".a@b.example",
        "a(comment)@b.example",
        "ä@b.example",
        "x" * 65 + "@b.example",
        "a@" + "b" * 64 + ".example",
        "=?utf-8?q?a=0d=0aBcc=3a_c=40d.example?=@b.example",
        "a=?b@c.example",
        "a?=b@c.example",
        "victim%other.example@relay.example",
        "relay!victim@b.example",
        "a@b.example\n",
        "\ra@b.example",
        "a\x0b@b.example",
        "a@b\x85.example",
        "a@b.example\u2028",
        "a@b\u00ad.example",
        "a@b\u200b.example",
        "a@b\u3000.example",
        " a@b.example",
        "a@" + "b" * 10_000,
        "a@" + ".".join(["b" * 60] * 5) + ".example",
    ],
)
def test_what_is_not_one_plain_address_is_refused(address: str) -> None:
    with pytest.raises(BadAddress):
        check_address(address)
    with pytest.raises(BadAddress):
        build(mail(recipient=address))


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("kim@vendor.example", "kim@vendor.example"),
        ("Kim.O'Hara+health@Vendor.Example", "Kim.O'Hara+health@vendor.example"),
        ("kim@bücher.example", "kim@xn--bcher-kva.example"),
        ("kim@straße.example", "kim@xn--strae-oqa.example"),
        ("kim@STRAẞE.example", "kim@xn--strae-oqa.example"),
        ("kim@strasse.example", "kim@strasse.example"),
        ("kim@βόλος.example", "kim@xn--nxasmm1c.example"),
        ("kim@XN--NXASMM1C.example", "kim@xn--nxasmm1c.example"),
        ("kim@ＢÜcher。example", "kim@xn--bcher-kva.example"),
        ("kim@my--shop.example", "kim@my--shop.example"),
        ("kim@r3---sn.bücher.example", "kim@r3---sn.xn--bcher-kva.example"),
    ],
)
def test_a_plain_address_goes_out_with_its_domain_in_ascii(written: str, sent: str) -> None:
    assert check_address(written) == sent


@pytest.mark.parametrize(
    "domain",
    [
        "☕.example", "xn--53h.example", "xn--fass.example", "xn--.example", "-ü.example", "אa1.example",
        "\u0301a.example", "l·x.example", "b" * 60 + "ü" * 5 + ".example",
    ],
)  # fmt: skip
def test_a_domain_that_nobody_can_have_registered_is_refused_and_the_reason_says_so(domain: str) -> None:
    with pytest.raises(BadAddress, match="no domain name that can be registered"):
        check_address(f"kim@{domain}")


@given(st.text(max_size=300))
def test_any_text_becomes_one_safe_line(text: str) -> None:
    line = one_line(text, 50)

    assert len(line) <= 50
    assert header_names(build(mail(subject=line))) == HEADERS


def test_the_self_test_passes_here() -> None:
    self_test()


def naive(one: Mail) -> bytes:
    """Builds messages as one would without care, refusing nothing."""
    lines = [f"{name}: x" for name in HEADERS if name != "Subject"]
    lines.insert(2, f"Subject: {one.subject}")
    return ("\r\n".join(lines) + "\r\n\r\nbody").encode(errors="replace")


def only_quiet(one: Mail) -> bytes:
    """Builds well but drops what it should refuse."""
    return build(replace(one, subject=one_line(one.subject)))


@pytest.mark.parametrize("builder", [naive, only_quiet])
def test_the_self_test_rings_for_a_builder_that_is_not_safe(builder: Callable[[Mail], bytes]) -> None:
    with pytest.raises(MailBuilderUnsafe):
        self_test(builder)
