"""Claims about a mail's HTML: styles stand in the elements, nothing is fetched, nothing leads astray, a way out."""

import re

import pytest

from playbook_runner.actions.layout import MOST_STYLE, MarkupRefused, faults, lay_out, with_foot

WAY_OUT = "https://out.vendor.example/unsubscribe/abc.def"


def test_a_fragment_is_framed_and_every_style_stands_in_its_element() -> None:
    laid = lay_out('<h1>Hello</h1><p class="quiet">Calm</p>', "", title="A & B", band="red")

    assert laid.startswith("<!DOCTYPE html>") or laid.startswith("<!doctype html>")
    assert "<title>A &amp; B</title>" in laid
    assert re.search(r'<p class="quiet" style="[^"]*color: ?#5c5c57', laid)
    assert re.search(r'class="sheet red" style="[^"]*border-top-color: ?#b3261e', laid)
    head, body = laid.split("</head>")
    assert "@media" in head
    assert "<style" not in body


def test_an_authors_own_style_sheet_is_moved_into_the_elements() -> None:
    html = "<html><head><style>b { color: #123456 }</style></head><body><b>x</b></body></html>"

    laid = lay_out(html, "", title="t")

    assert re.search(r'<b style="color: ?#123456', laid)
    assert "<style" not in laid


def test_without_html_the_text_is_set_in_paragraphs_and_its_addresses_are_links() -> None:
    laid = lay_out("", "Hello <you>,\n\nsee https://a.example/x?y=1&z=2.\nBye", title="t")

    assert "&lt;you&gt;" in laid
    assert re.search(
        r'<a href="https://a.example/x\?y=1&amp;z=2"[^>]*>https://a.example/x\?y=1&amp;z=2</a>\.<br>Bye', laid
    )


@pytest.mark.parametrize("html", ["<p>x</p>", "<html><body><p>x</p></body></html>", "<html><p>x"])
def test_the_way_out_stands_below_every_kind_of_html_once(html: str) -> None:
    laid = lay_out(html, "x", title="t", way_out=WAY_OUT)

    assert laid.count(WAY_OUT) == 1
    assert laid.index(WAY_OUT) > laid.index("x</p>" if "x</p>" in laid else ">x")
    assert WAY_OUT not in lay_out(html, "x", title="t")


def test_a_plain_text_ends_with_the_way_out() -> None:
    assert with_foot("Hello\n", WAY_OUT) == f"Hello\n\nStop mails of this kind: {WAY_OUT}\n"
    assert with_foot("Hello\n", "") == "Hello\n"


@pytest.mark.parametrize(
    "link",
    [
        '"javascript:alert(1)"',
        "'JaVaScRiPt:alert(1)'",
        '" javascript:alert(1)"',
        '"java&#9;script:alert(1)"',
        '"&#106;avascript:alert(1)"',
        '"\x01javascript:alert(1)"',
        "vbscript:x",
        '"data:text/html,x"',
        '"file:///etc/passwd"',
    ],
)
def test_a_link_that_a_value_turned_elsewhere_is_dropped(link: str) -> None:
    laid = lay_out(f"<a href={link}>x</a>", "", title="t")

    assert re.search(r'<a href="#"', laid)
    assert "script:" not in laid.lower().replace("&#9;", "")
    assert "data:" not in laid
    assert "file:" not in laid


@pytest.mark.parametrize(
    "html",
    [
        '<img src="https://a.example/seen.gif">',
        '<table background="https://a.example/x.png"></table>',
        '<p srcset="https://a.example/x.png 2x">x</p>',
        '<a href="https://a.example" ping="https://b.example">x</a>',
        '<p style="background:url(https://a.example)">x</p>',
        '<p style="background:u\\72l(https://a.example)">x</p>',
        '<p style="background:U\\000052 l(https://a.example)">x</p>',
        '<p style="background:u\\rl(https://a.example)">x</p>',
        "<p style=\"background:image-set('https://a.example' 1x)\">x</p>",
        "<style>@im\\70ort 'https://a.example/x.css';</style>",
        "<style>@import/**/'https://a.example/x.css'; b { color: red }</style>",
        "<style>b { background: u\\72l(https://a.example) }</style>",
    ],
)
def test_nothing_in_a_mail_is_loaded_from_anywhere(html: str) -> None:
    with pytest.raises(MarkupRefused, match=r"load|<img> has no place"):
        lay_out(html, "", title="t")


@pytest.mark.parametrize(
    "html",
    [
        '<!--[if mso]><img src="https://a.example/x"><![endif]-->',
        "<![if !mso]><p>x</p><![endif]>",
        "<!-- a word to ourselves -->",
        '<v:image href="https://a.example/x"/>',
        '<V:Rect><v:fill href="https://a.example/x"></V:Rect>',
        '<?import namespace="v" implementation="https://a.example/x">',
    ],
)
def test_what_only_some_mail_programs_read_has_no_place_in_a_mail(html: str) -> None:
    with pytest.raises(MarkupRefused, match=r"(has|have) no place"):
        lay_out(html, "", title="t")
    assert list(faults("<!DOCTYPE html>\n<html><body><p>x</p></body></html>")) == []


def test_styles_that_load_nothing_keep_their_escapes() -> None:
    assert list(faults("<style>q::before { content: '\\201C' } b { color: \\72 ed }</style>")) == []


@pytest.mark.parametrize("link", ["https://a.example/x", "http://a.example", "mailto:a@b.example", "/x", "#y"])
def test_a_link_to_a_page_or_a_mailbox_stays(link: str) -> None:
    assert f'href="{link}"' in lay_out(f'<a href="{link}">x</a>', "", title="t")


def test_what_nests_too_deep_is_refused_and_brings_nobody_down() -> None:
    for hidden in ("", "<!-->", "<!--->", "<style></style>", "<title>", "<!-- --!>"):
        with pytest.raises(MarkupRefused):
            lay_out(hidden + "<div>" * 100_000, "", title="t")
    assert list(faults("<div>" * 900)) == []
    assert "<div>" in lay_out("<div>" * 900, "", title="t")


@pytest.mark.parametrize(
    "html",
    [
        "".join(f"<b id=a{number}><p>" for number in range(500)),
        f"<style>* {{ {'margin: 0; ' * 1_000} padding: 0 {'; --x: ' + 'y' * 3_000} }}</style>" + "<p>x" * 900,
    ],
)
def test_markup_that_multiplies_is_refused_when_it_is_laid_out(html: str) -> None:
    with pytest.raises(MarkupRefused, match="laid out"):
        lay_out(html, "", title="t")


@pytest.mark.parametrize(
    "html",
    [
        '<style></style/><img src="http://a.example/x"><script>alert(1)</script><p>hi</p>',
        '<style></style x><img src="http://a.example/x">',
        "<style></STYLE\x0c><iframe></iframe>",
        '<title><style></title><img src="http://a.example/x"></style>',
        '<textarea><style></textarea><img src="http://a.example/x"></style>',
        '<xmp><style></xmp><img src="http://a.example/x"></style>',
        '<noembed><style></noembed><img src="http://a.example/x"></style>',
        '<noframes><style></noframes><img src="http://a.example/x"></style>',
        "<noscript><p>x</p></noscript>",
        "<p>x</p><plaintext>",
    ],
)
def test_what_is_text_to_one_reader_and_an_element_to_another_is_refused(html: str) -> None:
    with pytest.raises(MarkupRefused, match=r"has no place|ends with"):
        lay_out(html, "", title="t")


def test_a_link_behind_a_quoted_one_leads_nowhere_else_either() -> None:
    with pytest.raises(MarkupRefused, match="links begin with"):
        lay_out("""<a title='href="' href="javascript:alert(1)">x</a>""", "", title="t")


def test_an_authors_styles_may_be_as_long_as_they_may_though_ours_are_laid_out_with_them() -> None:
    rule = "@media (max-width:600px) {{ .a{} {{ color: red }} }}\n"
    styles = ""
    while len(styles) + len(rule.format(999)) < MOST_STYLE:
        styles += rule.format(len(styles))
    html = f"<style>{styles[:MOST_STYLE]}</style><p>Hello</p>"
    assert not list(faults(html))
    assert "Hello" in lay_out(html, "", title="")
