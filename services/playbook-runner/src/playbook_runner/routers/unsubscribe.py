"""The way out below every mail (RFC 8058): one click, without a key, a cookie or a redirect; it decides nothing."""

from typing import Annotated

from fastapi import APIRouter, Path
from fastapi.responses import HTMLResponse

from playbook_runner.dependencies import Use

router = APIRouter(tags=["unsubscribe"])
Token = Annotated[str, Path(max_length=600, description="As it stands in the mail")]
_HEADERS = {
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none';"
    " frame-ancestors 'none'",
    "x-robots-tag": "noindex",
}
_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>{title}</title><style>
body {{ font: 18px/1.5 system-ui, sans-serif; color: #1d1d1b }}
main {{ max-width: 32rem; margin: 15vh auto 0; padding: 0 1.5rem }}
button {{ font: inherit; padding: .6rem 1.2rem; border: 0; border-radius: 4px; background: #0b57d0; color: #fff }}
button:focus-visible {{ outline: 3px solid #1d1d1b; outline-offset: 2px }}
</style></head><body><main><h1>{title}</h1>{body}</main></body></html>"""
_ASK = _PAGE.format(
    title="Stop these mails?",
    body="<p>One press, and we do not write to you like this any more. Answers that we owe you still come.</p>"
    '<form method="post"><input type="hidden" name="List-Unsubscribe" value="One-Click">'
    "<button>Stop these mails</button></form>",
)
_DONE = _PAGE.format(title="Done", body="<p>We do not write to you like this any more, from now on.</p>")


@router.get("/unsubscribe/{token}", response_class=HTMLResponse, summary="The page that asks")
async def ask(use: Use, token: Token) -> HTMLResponse:
    """Changes nothing: scanners follow links. A token that is not ours: 404."""
    use.ways_out.read(token)
    return HTMLResponse(_ASK, headers=_HEADERS)


@router.post("/unsubscribe/{token}", response_class=HTMLResponse, summary="Stop mails to a reader")
async def leave(use: Use, token: Token) -> HTMLResponse:
    """Counts from this answer on: no mail starts after it. Tokens never end; a second press changes nothing."""
    await use.suppressing.opt_out(use.ways_out.read(token))
    return HTMLResponse(_DONE, headers=_HEADERS)
