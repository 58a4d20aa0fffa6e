"""Sample deliveries, to see a connection work before its provider says a word; it sends none of them itself."""

from dataclasses import asdict
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Request, Response

from ingest_webhooks.dependencies import MayRead, TheService
from ingest_webhooks.sources import SOURCES
from ingest_webhooks.views.samples import SampleLine, SampleRequest, Samples, SampleWish
from milepost_runtime.keys import require_scope

router = APIRouter(tags=["connections"])
SourceName = Annotated[str, Path(description="The provider, such as `hubspot`", max_length=50)]
SampleName = Annotated[str, Path(description="The sample, such as `ticket-escalated`", max_length=100)]


@router.get("/sources/{source}/samples", summary="List a source's sample deliveries")
async def list_samples(source: SourceName, _key: MayRead, service: TheService) -> Samples:
    """Return what can be sent as a test, and settings of a connection by which all of it means something."""
    shelf = service.rehearsing.shelf(source)
    lines = [SampleLine(name=one.name, description=one.description) for one in shelf.samples.values()]
    return Samples(source=source, title=SOURCES[source].title, settings=dict(shelf.settings), data=lines)


@router.post(
    "/connections/{connection_id}/samples/{sample}",
    summary="Make a sample request",
    dependencies=[require_scope("admin")],
)
async def make_sample(
    connection_id: UUID,
    sample: SampleName,
    wanted: SampleWish,
    request: Request,
    response: Response,
    service: TheService,
) -> SampleRequest:
    """Return a sample as the provider would send it now, signed by the connection's newest secret; send it yourself.

    The secret is not in it. Where nothing is signed, or the secret itself would stand in a header, the address is the
    connection's secret one.
    """
    base = service.settings.public_url_ingest or str(request.base_url)
    made = await service.rehearsing.prepare(connection_id, sample, wanted.company, base)
    response.headers["Cache-Control"] = "no-store"
    return SampleRequest(**asdict(made))
