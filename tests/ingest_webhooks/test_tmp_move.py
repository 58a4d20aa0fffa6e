from ingest_webhooks.shapes import *
from .test_identity_in_any_order import *
async def test_x(ingest_pool: Pool) -> None:
    import ingest_webhooks.attaching as a
    w="w999w"
    c=f"hubspot:{w}:contact:0"
    def at(h): return T0+timedelta(hours=h)
    async def look(*x):
        pass
    await tell(ingest_pool, [[Link(c,f"hubspot:{w}:0",at(1),primary=True)],[_event(w,5,c)],[Link(c,f"hubspot:{w}:1",at(3),primary=True)]])
    print(await outcome(ingest_pool,w))
    for r in await ingest_pool.fetch("select * from ingest.event"): print(dict(r))
    for r in await ingest_pool.fetch("select * from ingest.reference"): print(dict(r))
    for r in await ingest_pool.fetch("select * from ingest.reference_link"): print(dict(r))
    assert 0
