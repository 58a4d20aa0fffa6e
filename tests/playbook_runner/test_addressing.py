"""Claims about whom a step means today: owners, roles, attributes, who stands in, and nobody by mistake."""

from uuid import UUID, uuid4

import pytest

from milepost_core.owning import Colleague
from milepost_runtime.secrets import Vault
from playbook_runner.actions.addresses import BadAddress, canonical, writings
from playbook_runner.wording.addressing import Directory, NobodyToWriteTo
from playbook_runner.wording.ways_out import Leaving, WayOutUnknown, WaysOut, person_of

KIM = Colleague("kim", "kim@vendor.example", ("csm",))
ADA = Colleague("ada", "ada@vendor.example", ("sponsor",))
FALLBACK = "desk@vendor.example"
VAULT = Vault("a secret of at least 32 characters, for tests")


def find(word: str, owner: str, *colleagues: Colleague, **attributes: str) -> tuple[str, bool]:
    directory = Directory(FALLBACK, {one.id: one for one in colleagues})
    found = directory.find(word, owner, attributes)
    return found.address, found.colleague


@pytest.mark.parametrize(
    ("owner", "address"),
    [
        ("kim", "kim@vendor.example"),
        ("kim@vendor.example", "kim@vendor.example"),
        ("new.hire@vendor.example", "new.hire@vendor.example"),
        ("hubspot owner 77", FALLBACK),
        ("", FALLBACK),
    ],
)
def test_an_owner_is_a_person_an_address_or_the_fallback(owner: str, address: str) -> None:
    assert find("owner", owner, KIM) == (address, True)


def test_who_stands_in_gets_the_mail_of_who_is_away() -> None:
    away = Colleague("kim", "kim@vendor.example", away=True, delegate="ada")

    assert find("owner", "kim", away, ADA) == ("ada@vendor.example", True)
    assert find("owner", "kim", Colleague("kim", "kim@vendor.example", away=True), ADA) == (FALLBACK, True)


def test_an_owner_is_known_in_whatever_case_their_address_is_written_and_has_left_when_they_have() -> None:
    away = Colleague("kim", "kim@vendor.example", away=True, delegate="ada")
    gone = Colleague("kim", "kim@vendor.example", active=False)

    assert find("owner", "Kim@Vendor.EXAMPLE", away, ADA) == ("ada@vendor.example", True)
    assert find("owner", "kim@vendor.example", gone, ADA) == (FALLBACK, True)
    assert find("owner", "kim@vendor.example", gone, Colleague("kim2", "Kim@vendor.example")) == (
        "Kim@vendor.example", True,
    )  # fmt: skip


def test_a_role_of_which_all_are_away_is_stood_in_for_else_waits_for_who_has_it() -> None:
    away = Colleague("kim", "kim@vendor.example", ("lead",), away=True, delegate="ada")
    alone = Colleague("kim", "kim@vendor.example", ("lead",), away=True)

    assert find("role:lead", "", away, ADA) == ("ada@vendor.example", True)
    assert find("role:lead", "", alone, ADA) == ("kim@vendor.example", True)


def test_an_address_of_a_colleague_means_who_stands_in_for_them_and_nobody_once_they_have_left() -> None:
    away = Colleague("kim", "kim@vendor.example", away=True, delegate="ada")
    alone = Colleague("kim", "kim@vendor.example", away=True)
    gone = Colleague("kim", "kim@vendor.example", active=False)

    assert find("kim@vendor.example", "", away, ADA) == ("ada@vendor.example", True)
    assert find("kim@vendor.example", "", alone, ADA) == ("kim@vendor.example", True)
    assert find("attribute:csm", "", away, ADA, csm="KIM@vendor.example") == ("ada@vendor.example", True)
    with pytest.raises(NobodyToWriteTo):
        find("kim@vendor.example", "", gone, ADA)


def test_a_role_is_whoever_has_it_and_is_here_else_nobody() -> None:
    assert find("role:sponsor", "", KIM, ADA) == ("ada@vendor.example", True)
    with pytest.raises(NobodyToWriteTo):
        find("role:sponsor", "", KIM)
    with pytest.raises(NobodyToWriteTo):
        find("role:sponsor", "", Colleague("x", "", ("sponsor",)))


def test_a_customers_person_is_an_attribute_of_the_account_else_nobody() -> None:
    found = find("attribute:champion_email", "", KIM, champion_email="lee@customer.example")

    assert found == ("lee@customer.example", False)
    with pytest.raises(NobodyToWriteTo):
        find("attribute:champion_email", "", KIM)
    with pytest.raises(BadAddress):
        find("attribute:champion_email", "", KIM, champion_email="a@b.example, c@d.example")


def test_an_address_of_ours_is_known_as_a_colleagues() -> None:
    assert find("KIM@vendor.example", "", KIM) == ("KIM@vendor.example", True)
    assert find("lee@customer.example", "", KIM) == ("lee@customer.example", False)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Kim@Customer.Example", "kim@customer.example"),
        ("kim+news@customer.example", "kim@customer.example"),
        ("kim@bücher.example", "KIM@XN--BCHER-KVA.example"),
        (" kim@customer.example ", "kim@customer.example"),
        ("kim@STRAẞE.example", "kim@xn--strae-oqa.example"),
        ("kim@xn--nxasmm1c.example", "kim@βόλος.example"),
    ],
)
def test_two_writings_of_a_mailbox_are_one_person(one: str, other: str) -> None:
    assert canonical(one) == canonical(other)
    assert person_of(VAULT, one) == person_of(VAULT, other)
    assert person_of(VAULT, one) != person_of(VAULT, "lee@customer.example")


@pytest.mark.parametrize(
    ("one", "other"),
    [("anna@straße.example", "anna@strasse.example"), ("anna@βόλος.example", "anna@βόλοσ.example")],
)
def test_mailboxes_at_domains_of_different_owners_are_different_people(one: str, other: str) -> None:
    assert canonical(one) != canonical(other)
    assert person_of(VAULT, one) != person_of(VAULT, other)


@pytest.mark.parametrize("said", ["Kim@Straße.example", "kim@XN--STRAE-OQA.example", " kim@straße.example"])
def test_an_address_is_looked_for_as_others_may_have_written_it(said: str) -> None:
    assert {said.strip(), "kim@straße.example", "kim@xn--strae-oqa.example"} <= set(writings(said))
    assert {canonical(one) for one in writings(said)} == {canonical(said)}


def test_a_way_out_names_its_person_and_account_and_shows_neither_the_address() -> None:
    ways, account = WaysOut(VAULT, "https://out.vendor.example"), uuid4()
    address = ways.address_for(account, "Kimberley+x@customer.example")
    token = address.removeprefix("https://out.vendor.example/unsubscribe/")

    assert ways.read(token) == Leaving(account, person_of(VAULT, "kimberley@customer.example"))
    assert address == ways.address_for(account, "kimberley@customer.example")
    assert "kimberley" not in address.lower()


@pytest.mark.parametrize("token", ["", "x", "x.y", "a" * 600, "YWJj.YWJj"])
def test_a_way_out_that_is_none_of_ours_leads_nowhere(token: str) -> None:
    with pytest.raises(WayOutUnknown):
        WaysOut(VAULT, "https://out.vendor.example").read(token)


def test_a_way_out_that_was_changed_or_was_made_elsewhere_leads_nowhere() -> None:
    ways = WaysOut(VAULT, "https://out.vendor.example")
    token = ways.address_for(UUID(int=1), "kim@customer.example").rpartition("/")[2]
    other = WaysOut(Vault("another secret of at least 32 characters!!"), "https://out.vendor.example")

    for changed in (token[:-1] + ("A" if token[-1] != "A" else "B"), "A" + token[1:], token + "A"):
        with pytest.raises(WayOutUnknown):
            ways.read(changed)
    with pytest.raises(WayOutUnknown):
        other.read(token)
