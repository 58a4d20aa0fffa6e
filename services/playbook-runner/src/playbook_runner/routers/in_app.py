"""Routes by which a product shows messages to its people; it decides nothing.

Two doors lead to the same rows: an API key for the product's back end, and a token in the path for its pages. What a
token opens may be asked from any origin, as no cookie stands behind it.
"""

from importlib.resources import files
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Path, Query, Response

from milepost_runtime.idempotency import NamedRequests
from milepost_runtime.keys import require_scope
from playbook_runner.dependencies import EffectKey, Use
from playbook_runner.in_app.in_app_views import InAppMessages, InAppMessageView, InAppToken, InAppTokenRequest
from playbook_runner.in_app.showing import Audience

router = APIRouter(tags=["in-app"], route_class=NamedRequests)
Token = Annotated[str, Path(max_length=600)]
Said = Literal["seen", "dismissed"]
_ANYWHERE = {"access-control-allow-origin": "*", "cache-control": "no-store", "referrer-policy": "no-referrer"}
_SCRIPT = (files("playbook_runner.routers") / "in_app.js").read_text(encoding="utf-8")


@router.get("/accounts/{account_id}/messages", dependencies=[require_scope("read")], summary="Messages to show")
async def list_messages(
    use: Use,
    account_id: UUID,
    role: Annotated[str | None, Query(max_length=60, description="Only what is for it and for everybody")] = None,
) -> InAppMessages:
    """What is up for an account now, newest first, at most twenty; poll it as often as people look."""
    rows = await use.showing.up(Audience(account_id, role))
    return InAppMessages(data=[InAppMessageView.of(row) for row in rows])


@router.post(
    "/accounts/{account_id}/messages/{key}/{what}", dependencies=[require_scope("write")], summary="Seen, or put away"
)
async def note_message(use: Use, account_id: UUID, key: EffectKey, what: Said) -> InAppMessageView:
    """`seen` keeps it up, `dismissed` takes it down. The first time counts; saying it again changes nothing."""
    return InAppMessageView.of(await use.showing.note(account_id, key, what))


@router.post("/in-app-tokens", dependencies=[require_scope("write")], status_code=201, summary="A token for a page")
async def grant_token(use: Use, body: InAppTokenRequest) -> InAppToken:
    """Give it to the page that loads `/in-app.js`; it speaks for one account and ends by itself."""
    token, until = await use.showing.grant(Audience(body.account_id, body.role), body.hours)
    return InAppToken(token=token, expires_at=until)


@router.get("/in-app/{token}", summary="Messages to show, by token")
async def list_by_token(use: Use, token: Token, response: Response) -> InAppMessages:
    """The same as with a key, for the account and role that the token speaks for."""
    response.headers.update(_ANYWHERE)
    rows = await use.showing.up(await use.showing.granted(token))
    return InAppMessages(data=[InAppMessageView.of(row) for row in rows])


@router.post("/in-app/{token}/{key}/{what}", summary="Seen, or put away, by token")
async def note_by_token(use: Use, token: Token, key: EffectKey, what: Said, response: Response) -> InAppMessageView:
    """The same as with a key, for the account that the token speaks for."""
    response.headers.update(_ANYWHERE)
    audience = await use.showing.granted(token)
    return InAppMessageView.of(await use.showing.note(audience.account_id, key, what))


@router.get("/in-app.js", include_in_schema=False)
async def script() -> Response:
    """The element `<milepost-messages token="…">`, for pages of the product."""
    headers = {"cache-control": "public, max-age=3600", "access-control-allow-origin": "*"}
    return Response(_SCRIPT, media_type="text/javascript; charset=utf-8", headers=headers)
