"""Claims about addresses outside: no form of an inner address gets through, at saving or at connecting."""

import pytest

from milepost_runtime.guard import Inside, NameUnknown, Target, UrlRefused, check_url, checked, inside

NOWHERE = Inside()
INNER = [
    "127.0.0.1", "127.1", "2130706433", "0x7f.1", "0x7f000001", "0177.0.0.1", "0", "0.0.0.0", "10.0.0.1", "172.16.3.4",
    "192.168.1.1", "169.254.169.254", "100.64.0.1", "192.0.0.8", "198.18.0.1", "224.0.0.1", "255.255.255.255",
    "240.0.0.1", "192.88.99.1", "[::1]", "[::]", "[::127.0.0.1]", "[::ffff:10.0.0.1]", "[64:ff9b::7f00:1]",
    "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]", "[2001:0:1::1]", "[fec0::1]", "[fe80::1]", "[fc00::1]", "[ff02::1]",
    "[2001:db8::1]", "[3fff::1]", "localhost", "api.localhost", "１２７.0.0.1", "①②⑦.0.0.1", "127.0.0.1.",
]  # fmt: skip


@pytest.mark.parametrize("host", INNER)
def test_no_form_of_an_inner_address_can_be_saved(host: str) -> None:
    with pytest.raises(UrlRefused) as refused:
        check_url(f"https://{host}/hook", NOWHERE)
    assert refused.value.code == "url_address"


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://hooks.example.com/", "url_scheme"),
        ("file:///etc/passwd", "url_scheme"),
        ("gopher://example.com/", "url_scheme"),
        ("javascript:alert(1)", "url_scheme"),
        ("data:text/plain,x", "url_scheme"),
        ("https://user@example.com/", "url_form"),
        ("https://user:word@example.com/", "url_form"),
        ("https://example.com/#part", "url_form"),
        ("https://example.com/#", "url_form"),
        ("https://example.com\\@10.0.0.1/", "url_form"),
        ("https://example.com/a\tb", "url_form"),
        ("https://example.com/a\rb", "url_form"),
        ("https://example.com/a b", "url_form"),
        ("https://exämple.com/", "url_form"),
        ("https://example.com/ä", "url_form"),
        ("https://-a.example.com/", "url_form"),
        ("https:///nothing", "url_form"),
        ("https://[::1/", "url_form"),
        ("https://example.com:0/", "url_port"),
        ("https://example.com:22/", "url_port"),
        ("https://example.com:25/", "url_port"),
        ("https://example.com:5432/", "url_port"),
        ("https://example.com:6379/", "url_port"),
        ("https://example.com:99999/", "url_port"),
        ("https://" + "a" * 2000 + ".example.com/", "url_form"),
        ("", "url_form"),
    ],
)
def test_an_address_that_is_none_of_a_public_receiver_is_refused_with_its_reason(url: str, code: str) -> None:
    with pytest.raises(UrlRefused) as refused:
        check_url(url, NOWHERE)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://Hooks.Example.com/in?a=1", Target("https", "hooks.example.com", 443, "/in?a=1")),
        ("https://hooks.example.com:8443", Target("https", "hooks.example.com", 8443, "/")),
        ("https://93.184.216.34/", Target("https", "93.184.216.34", 443, "/")),
        ("https://[2606:2800:220:1::1]/", Target("https", "2606:2800:220:1::1", 443, "/")),
    ],
)
def test_a_public_address_is_taken_as_it_will_be_called(url: str, target: Target) -> None:
    assert check_url(url, NOWHERE) == target


def test_one_inner_address_among_public_ones_refuses_the_name() -> None:
    target = Target("https", "two.example.com", 443, "/")
    assert checked(target, ["93.184.216.34"], NOWHERE) == ["93.184.216.34"]
    with pytest.raises(UrlRefused):
        checked(target, ["93.184.216.34", "10.0.0.1"], NOWHERE)
    with pytest.raises(NameUnknown):
        checked(target, [], NOWHERE)


def test_networks_inside_are_reached_only_when_they_are_named_and_then_without_tls_too() -> None:
    allowed = inside("10.1.0.0/16, 127.0.0.0/8")
    assert check_url("http://10.1.2.3:8080/x", allowed).port == 8080
    with pytest.raises(UrlRefused):
        check_url("https://10.2.0.1/", allowed)
    outside = Target("http", "plain.example.com", 80, "/")
    with pytest.raises(UrlRefused) as refused:
        checked(outside, ["93.184.216.34"], allowed)
    assert refused.value.code == "url_scheme"
