"""Claims about sealing and signing: only this deployment opens what it sealed, and only for the same purpose."""

import pytest

from milepost_runtime.ids import clean_correlation_id, new_id
from milepost_runtime.keys import digest, new_key
from milepost_runtime.secrets import SealBroken, Vault


def test_what_is_sealed_opens_again_and_only_with_the_same_secret() -> None:
    sealed = Vault("a" * 40).seal(b"client secret")

    assert Vault("a" * 40).open(sealed) == b"client secret"
    assert b"client" not in sealed
    with pytest.raises(SealBroken):
        Vault("b" * 40).open(sealed)


@pytest.mark.parametrize("spoil", [lambda t: t[:-1], lambda t: "x" + t, lambda t: t.replace(".", ""), lambda _t: "é.ü"])
def test_a_changed_signed_text_is_refused(spoil: object) -> None:
    vault = Vault("a" * 40)
    with pytest.raises(SealBroken):
        vault.unsign("cursor", spoil(vault.sign("cursor", "42")))  # type: ignore[operator]


def test_a_signature_for_one_purpose_is_worthless_for_another() -> None:
    vault = Vault("a" * 40)
    signed = vault.sign("session", "42")

    assert vault.unsign("session", signed) == "42"
    with pytest.raises(SealBroken):
        vault.unsign("cursor", signed)


def test_a_key_is_kept_as_a_hash_of_its_secret_only() -> None:
    key = new_key()
    prefix, key_id, secret = key.text.split("_", 2)

    assert (prefix, key_id) == ("mp", key.id)
    assert key.secret_hash == digest(secret)
    assert secret.encode() not in key.secret_hash


def test_ids_grow_with_time_and_are_version_seven() -> None:
    made = [new_id() for _ in range(50)]

    assert {one.version for one in made} == {7}
    assert [one.hex[:8] for one in made] == sorted(one.hex[:8] for one in made)


@pytest.mark.parametrize("raw", ["", None, "x" * 65, "a b", "ü", "line\nbreak"])
def test_a_correlation_id_that_could_hurt_a_log_is_replaced(raw: str | None) -> None:
    assert clean_correlation_id(raw) != raw
    assert len(clean_correlation_id(raw)) == 32
