"""Claims about domains: one way to write each, and none that unrelated people share."""

import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingest_webhooks.words.domains import domain_reference, is_public_suffix, is_shared, parents
from milepost_contracts.events import NAME_LENGTH

NO_DOMAINS = [
    "@",
    "@acme.com",
    "acme",
    "com",
    "co.uk",
    "www.co.uk",
    "localhost",
    "db.internal",
    "printer.local",
    "1.2.3.4",
    "a@[1.2.3.4]",
    "::1",
    "a@[::1]",
    "acme..com",
    "-a.com",
    "https://acme.com",
    "acme.123",
]
LABEL = st.text(string.ascii_letters + string.digits, min_size=1, max_size=20)


@pytest.mark.parametrize(
    ("written", "reference"),
    [
        ("Anna@Acme.COM", "domain:acme.com"),
        ("www.acme.co.uk", "domain:acme.co.uk"),
        ("acme.com.", "domain:acme.com"),
        (" a@b@acme.com ", "domain:acme.com"),
        ("eu.acme.com", "domain:eu.acme.com"),
        ("live.acme.com", "domain:live.acme.com"),
        ("anna@bücher.de", "domain:xn--bcher-kva.de"),
        ("BÜCHER.de", "domain:xn--bcher-kva.de"),
        ("xn--bcher-kva.de", "domain:xn--bcher-kva.de"),
        ("a@straße.de", "domain:xn--strae-oqa.de"),
    ],
)
def test_a_company_domain_has_one_way_to_be_written(written: str, reference: str) -> None:
    assert domain_reference(written) == reference


@pytest.mark.parametrize(
    "written",
    [
        "x@gmail.com",
        "x@GMAIL.com.",
        "mail.yahoo.com.br",
        "yahoo.co.jp",
        "hotmail.co.uk",
        "x@live.nl",
        "outlook.de",
        "gmx.at",
        "bigpond.com",
        "wp.pl",
        "x@a.onmicrosoft.com",
        "foo.github.io",
        "trashmail.com",
        "qq.com",
        "x@163.com",
        "naver.com",
    ],
)
def test_a_domain_that_unrelated_people_share_names_no_account(written: str) -> None:
    assert domain_reference(written) is None


@pytest.mark.parametrize(
    "written",
    ["", "a b.com", "\0.com", "\ud800.com", "x" * 64 + ".com", "x" * 100_000, "a." * 200 + "com", *NO_DOMAINS],
)
def test_what_is_no_domain_of_a_company_names_no_account(written: str) -> None:
    assert domain_reference(written) is None


@given(st.text(max_size=300))
@example("xn--a.com")
@example("a@xn--.de")
def test_any_text_gets_an_answer_that_answers_itself(text: str) -> None:
    found = domain_reference(text)
    assert found is None or (domain_reference(found.removeprefix("domain:")) == found and len(found) <= NAME_LENGTH + 5)


@given(st.lists(LABEL, min_size=2, max_size=4).map(".".join))
def test_case_and_www_and_an_address_make_no_difference(name: str) -> None:
    found = {domain_reference(one) for one in (name, name.upper(), f"www.{name}", f"Some.One@{name}")}
    assert len(found) == 1


def test_there_are_many_shared_domains_and_every_line_of_the_list_is_one() -> None:
    names = {name: domain_reference(name) for name in ("proton.me", "seznam.cz", "mail.ru", "rediffmail.com", "web.de")}
    assert set(names.values()) == {None}
    assert is_shared("anything.gmail.com")
    assert not is_shared("gmail.acme.com")
    assert is_public_suffix("com.br")
    assert not is_public_suffix("acme.com")


def test_the_domains_above_one_end_before_the_public_suffix() -> None:
    assert parents("domain:a.b.acme.co.uk") == ["domain:b.acme.co.uk", "domain:acme.co.uk"]
    assert parents("domain:acme.com") == parents("hubspot:1:2") == []
