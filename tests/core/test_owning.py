"""Claims about whose work something is: the first who can have it, whoever stands in, and never nobody."""

from milepost_core.owning import Colleague, Owner, find_owner

DESK = "desk@vendor.example"


def team(*colleagues: Colleague) -> dict[str, Colleague]:
    return {one.id: one for one in colleagues}


def who(chain: list[str], account_owner: str | None, *colleagues: Colleague) -> str:
    return find_owner(chain, account_owner, team(*colleagues), DESK).id


def test_the_first_of_a_chain_who_can_have_it_has_it() -> None:
    kim, lee = Colleague("kim"), Colleague("lee", roles=("csm",))
    assert who(["owner", "role:csm"], "kim", kim, lee) == "kim"
    assert who(["owner", "role:csm"], None, kim, lee) == "lee"
    assert who(["role:sponsor", "lee"], "kim", kim, lee) == "lee"


def test_an_owner_is_known_by_id_or_by_address_and_taken_at_their_word_if_nobody_entered_them() -> None:
    kim = Colleague("kim", email="kim@vendor.example")
    assert who(["owner"], "kim@vendor.example", kim) == "kim"
    assert who(["owner"], "someone@vendor.example", kim) == "someone@vendor.example"


def test_a_role_gives_work_to_whoever_has_the_least() -> None:
    busy, free = Colleague("a", roles=("csm",), load=300), Colleague("b", roles=("csm",), load=30)
    away = Colleague("c", roles=("csm",), away=True)
    assert who(["role:csm"], None, busy, free, away) == "b"
    assert who(["role:csm"], None, Colleague("z", roles=("csm",)), Colleague("y", roles=("csm",))) == "y"


def test_who_is_away_is_stood_in_for_and_so_are_those_who_stand_in() -> None:
    kim = Colleague("kim", away=True, delegate="lee")
    lee = Colleague("lee", away=True, delegate="mo")
    found = find_owner(["owner"], "kim", team(kim, lee, Colleague("mo")), DESK)
    assert found == Owner("mo", "", "stands in for kim")


def test_an_address_is_the_same_in_any_case_and_of_who_is_here_still() -> None:
    old, new = Colleague("a", email="Kim@Vendor.example", active=False), Colleague("b", email="kim@vendor.example")
    assert who(["owner"], "KIM@vendor.example", Colleague("kim", email="kim@vendor.example")) == "kim"
    assert who(["owner"], "kim@vendor.example", old, new) == "b"
    assert who(["owner"], "kim@vendor.example", old) == DESK


def test_a_role_of_which_all_are_away_is_stood_in_for() -> None:
    kim, lee = Colleague("kim", roles=("lead",), away=True, delegate="mo"), Colleague("lee", roles=("lead",), away=True)
    found = find_owner(["role:lead", "lee"], None, team(kim, lee, Colleague("mo", load=90)), DESK)
    assert found == Owner("mo", "lead", "stands in for kim of the role lead")
    assert who(["role:lead"], None, lee) == DESK


def test_work_is_never_nobodys() -> None:
    circle = [Colleague("a", away=True, delegate="b"), Colleague("b", away=True, delegate="a")]
    assert who(["owner", "role:csm"], "a", *circle) == DESK
    assert who([], None) == DESK
    assert who(["owner"], "  ") == DESK
    assert who(["gone"], None, Colleague("gone", active=False)) == DESK
