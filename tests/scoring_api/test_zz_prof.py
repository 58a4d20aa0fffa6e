import time, collections, random
from datetime import timedelta
import asyncpg, asyncio
from support.customers import now_of, turn, healthy
from support.histories import Told, new_account, tell
from milepost_runtime.lanes import drain, claim
async def test_prof(owner, scoring, scoring_pool, shipped):
    now = await now_of(owner)
    accounts=[new_account() for _ in range(300)]
    for a in accounts:
        await tell(owner, healthy(shipped, now, a, 60))
    await turn(scoring)
    await owner.execute("vacuum analyze")
    stats=collections.defaultdict(lambda:[0,0.0,''])
    def log(r):
        k=' '.join(r.query.split())
        s=stats[k]; s[0]+=1; s[1]+=r.elapsed
    for h in list(scoring_pool._holders):
        if h._con is not None: h._con.add_query_logger(log)
    for rnd in range(3):
        stats.clear()
        n=0; t0=time.perf_counter(); c0=time.process_time()
        for b in range(15):
            group=accounts[b*20:(b+1)*20]
            await tell(owner, [Told(a, "ticket.opened", await now_of(owner), item=f"x{rnd}{b}{i}") for i,a in enumerate(group)])
            await drain(scoring_pool, scoring.recording.lane)
            await drain(scoring_pool, scoring.rescoring.lane)
            n+=len(group)
        wall=time.perf_counter()-t0
    print("RESULT wall/event ms", wall/n*1e3, "cpu", (time.process_time()-c0)/n*1e3)
    for k,(c,e,_) in sorted(stats.items(), key=lambda x:-x[1][1])[:32]:
        print("STAT %5d x %7.3f ms  per event %6.3f  %s" % (c, e/c*1e3, e/n*1e3, k[:150]))
    assert 0
