"""Lays a mail's HTML out: a fragment gets the house's frame, styles go into the elements; it fetches nothing.

Mail programs throw style sheets away, so every rule is written into the elements that it is about; rules that cannot
be (media queries) stay in the head for those that read them.
"""

import re
from collections.abc import Iterator
from html import escape, unescape
from html.parser import HTMLParser

import css_inline

MOST_TAGS = 1_000
MOST_STYLE = 16 * 1024
MOST_LAID_OUT = 512 * 1024

_STYLE = """
body { margin: 0; padding: 24px; background: #f6f6f3; color: #1d1d1b; font: 16px/1.5 Georgia, "Times New Roman", serif }
.sheet { max-width: 560px; margin: 0 auto; padding: 28px; background: #ffffff; border-top: 6px solid #3a5a78 }
.sheet.red { border-top-color: #b3261e }
.sheet.yellow { border-top-color: #b98300 }
.sheet.green { border-top-color: #2e7d32 }
p { margin: 0 0 16px }
h1 { margin: 0 0 16px; font-size: 22px; line-height: 1.3 }
h2 { margin: 24px 0 8px; font-size: 17px }
ul, ol { margin: 0 0 16px; padding-left: 22px }
li { margin: 0 0 8px }
a { color: #0b57d0 }
.button { display: inline-block; padding: 10px 18px; background: #0b57d0; color: #ffffff; text-decoration: none }
.quiet { color: #5c5c57 }
.foot { max-width: 560px; margin: 16px auto 0; font-size: 13px; color: #5c5c57 }
@media (max-width: 600px) { body { padding: 8px } .sheet { padding: 18px } }
"""
_FRAME = (
    '<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width"><title>{title}</title><style>{style}</style></head>\n'
    '<body>\n<div class="sheet {band}">\n{body}\n</div>\n{foot}</body>\n</html>\n'
)
_WHOLE = re.compile(r"<html[\s>]", re.IGNORECASE)
_END = re.compile(r"</body\s*>", re.IGNORECASE)
_LINK = re.compile(r"""(?P<name>\bhref\s*=\s*)(?P<address>"[^"]*"|'[^']*'|[^\s>]+)""", re.IGNORECASE)
_TAG = re.compile(r"<[A-Za-z]")
# Comments, conditional ones and instructions: some mail programs read elements in them, and no two agree on their end.
_HIDDEN = re.compile(r"<!(?!doctype\b)|<\?", re.IGNORECASE)
# Readers differ on what ends a style sheet, and so on what is an element behind it: only the plain end is for writing.
_STYLE_END = re.compile(r"</style(?!>)", re.IGNORECASE)
_SCHEME = re.compile(r"[^A-Za-z0-9/?#]*([A-Za-z][A-Za-z0-9+.-]*):")
_ADDRESS = re.compile(r"https?://[^\s<>\"']*[^\s<>\"'.,;:!?)\]]")
# What runs, loads or leads elsewhere: no mail program shows it, and the widget of a preview must never meet it.
_REFUSED = frozenset(
    [
        "script",
        "iframe",
        "frame",
        "object",
        "embed",
        "form",
        "input",
        "button",
        "textarea",
        "select",
        "base",
        "link",
        "svg",
        "math",
        "applet",
        "video",
        "audio",
        "img",
        "image",
        "picture",
        "source",
        "bgsound",
        "frameset",
        # What stands in these is text to some readers and elements to others.
        "plaintext",
        "xmp",
        "noembed",
        "noframes",
        "noscript",
    ]
)
# Attributes by which a mail program would fetch something, and so tell its sender that and where the mail was read.
_LOADING = frozenset(["src", "srcset", "background", "poster", "lowsrc", "dynsrc", "longdesc", "ping", "profile"])
_LOADING_STYLE = re.compile(r"url\(|src\(|image\(|image-set\(|@import", re.IGNORECASE)
_CSS_COMMENT = re.compile(r"/\*.*?(?:\*/|$)", re.DOTALL)
_CSS_ESCAPE = re.compile(r"\\(?:([0-9A-Fa-f]{1,6})(?:\r\n|\s)?|(.))", re.DOTALL)
_INLINER = css_inline.CSSInliner(load_remote_stylesheets=False, keep_at_rules=True, keep_style_tags=False)


class MarkupRefused(Exception):
    """The HTML holds what has no place in a mail, or is too large to be laid out."""


def lay_out(html: str, text: str, *, title: str, band: str = "", way_out: str = "", signed: str = "") -> str:
    """Return the whole HTML document of a mail, every style in its element.

    `html` may be a whole document, a fragment (framed here) or empty: then the text is set in paragraphs. `band`
    colours the frame; `way_out` is the address that ends such mails; `signed` is whose mail it is, in lines. Raises
    MarkupRefused.
    """
    for fault in faults(html):
        raise MarkupRefused(fault)
    html, foot = _safe_links(html), (next(_paragraphs(signed)) + "\n" if signed else "") + _foot(way_out)
    if _WHOLE.search(html):
        ends = list(_END.finditer(html))
        at = ends[-1].start() if ends else len(html)
        return _inlined(html[:at] + foot + html[at:])
    body = html.strip("\n") or "\n".join(_paragraphs(text))
    framed = _FRAME.format(title=escape(title), style=_STYLE, band=escape(band), body=body, foot=foot)
    return _inlined(framed)


def _inlined(html: str) -> str:
    laid = _INLINER.inline(html)
    if len(laid) > MOST_LAID_OUT:
        # A rule for every element, or elements that are left open, are repeated throughout the mail.
        raise MarkupRefused(f"laid out, a mail has at most {MOST_LAID_OUT} characters")
    # Looked at once more as browsers read it: laid out, it is written so that all readers agree.
    for fault in _faults_of_elements(laid, laid=True):
        raise MarkupRefused(fault)
    return laid


def with_foot(text: str, way_out: str, signed: str = "") -> str:
    """Return a plain text with whose it is and the address below it that ends such mails."""
    below = [signed] if signed else []
    below += [f"Stop mails of this kind: {way_out}"] if way_out else []
    return "\n\n".join([text.rstrip(), *below]) + "\n" if below else text


def faults(html: str) -> Iterator[str]:
    """Yield what keeps this HTML from being a mail, one sentence each.

    The laying out descends once per nested element, in a language without a net: hence the bound on elements. They are
    counted in the raw text, as two readers may differ on where a comment ends.
    """
    if len(_TAG.findall(html)) > MOST_TAGS:
        yield f"a mail has at most {MOST_TAGS} elements"
        return
    if _HIDDEN.search(html):
        yield "comments have no place in a mail: some mail programs read elements in them"
    if _STYLE_END.search(html):
        yield "a style sheet ends with </style> and nothing else"
    yield from _faults_of_elements(html)


def _faults_of_elements(html: str, *, laid: bool = False) -> Iterator[str]:
    """Yield what elements, attributes and styles have no place in a mail.

    Of one that is laid out also links that lead astray; that its styles are ours too is no fault.
    """
    reader = _Reader()
    reader.feed(html)
    reader.close()
    yield from reader.found
    if _loads(reader.style):
        yield "styles load nothing: url( and @import are not allowed"
    if not laid and len(reader.style) > MOST_STYLE:
        yield f"the styles of a mail have at most {MOST_STYLE} characters"
    if laid and any(map(_astray, reader.links)):
        yield "links begin with https:, http: or mailto:"


class _Reader(HTMLParser):
    """Gathers the style sheets and the links, and names what is refused."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.style, self.found, self.links = "", list[str](), list[str]()
        self._in_style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in_style = tag == "style"
        # Elements of other vocabularies (`v:image`) load by attributes of their own.
        if tag in _REFUSED or ":" in tag:
            self.found.append(f"<{tag}> has no place in a mail")
        for name, value in attrs:
            if name.startswith("on") or (tag == "meta" and name == "http-equiv"):
                self.found.append(f"the attribute {name} has no place in a mail")
            if name in _LOADING:
                self.found.append(f"a mail loads nothing: the attribute {name} is not allowed")
            if name == "style" and _loads(value or ""):
                self.found.append("styles load nothing: url( is not allowed")
            if name == "href":
                self.links.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        self._in_style = False

    def handle_data(self, data: str) -> None:
        if self._in_style:
            self.style += data


def _loads(style: str) -> bool:
    """Tell whether styles would fetch something, whatever escapes they are written with (CSS Syntax, 4.3.7)."""
    plain = _CSS_ESCAPE.sub(_unescaped, style)
    return any(_LOADING_STYLE.search(text) is not None for text in (plain, _CSS_COMMENT.sub("", plain)))


def _unescaped(found: re.Match[str]) -> str:
    point = int(found[1], 16) if found[1] else ord(found[2])
    return chr(point) if point <= 0x10FFFF else "\N{REPLACEMENT CHARACTER}"


def _safe_links(html: str) -> str:
    """Return the HTML without links that lead elsewhere than to a page or a mailbox: a value may have been one."""

    def checked(found: re.Match[str]) -> str:
        astray = _astray(unescape(found["address"]).strip("\"'"))
        return found["name"] + '"#"' if astray else found[0]

    return _LINK.sub(checked, html)


def _astray(address: str) -> bool:
    scheme = _SCHEME.match("".join(address.split()))
    return scheme is not None and scheme[1].lower() not in ("http", "https", "mailto")


def _foot(way_out: str) -> str:
    if not way_out:
        return ""
    link = f'<a href="{escape(way_out)}">Stop mails of this kind</a>'
    return f'<p class="foot" style="font-size:13px;color:#5c5c57">{link}</p>\n'


def _paragraphs(text: str) -> Iterator[str]:
    """Yield a plain text as paragraphs, its addresses as links."""
    for block in re.split(r"\n\s*\n", text.strip()):
        lines = [_linked(line.strip()) for line in block.split("\n")]
        yield f"<p>{'<br>'.join(lines)}</p>"


def _linked(line: str) -> str:
    made, at = [], 0
    for found in _ADDRESS.finditer(line):
        address = escape(found.group())
        made += [escape(line[at : found.start()]), f'<a href="{address}">{address}</a>']
        at = found.end()
    return "".join([*made, escape(line[at:])])
