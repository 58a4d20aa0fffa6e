"""Routes about people's work; it decides nothing."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from milepost_runtime.idempotency import NamedRequests
from milepost_runtime.keys import Principal, require_scope
from milepost_runtime.paging import ONCE
from playbook_runner.dependencies import Use
from playbook_runner.people.task_views import (
    AwaitBody,
    ClaimBody,
    CompleteBody,
    HandedOver,
    HandOverAllBody,
    HandOverBody,
    Queue,
    SkipBody,
    SnoozeBody,
    TaskList,
    TaskState,
    TaskView,
)
from playbook_runner.people.tending import Outcome

router = APIRouter(tags=["tasks"], route_class=NamedRequests, dependencies=[ONCE])
Worker = Annotated[Principal, require_scope("write")]


@router.get("/tasks", dependencies=[require_scope("read")], summary="Tasks, newest first")
async def list_tasks(
    use: Use,
    owner: Annotated[str | None, Query(max_length=255, description="Only this person's")] = None,
    state: Annotated[TaskState | None, Query(description="Only in this state")] = None,
    account: Annotated[UUID | None, Query(description="Only this account's")] = None,
    cursor: Annotated[UUID | None, Query(description="`next_cursor` of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> TaskList:
    """Of everybody, unless somebody is named; in which order to do them says `/tasks/queue`."""
    return await use.queueing.tasks((owner, state, account), cursor, limit)


@router.get("/tasks/queue", dependencies=[require_scope("read")], summary="What to do next")
async def get_queue(use: Use, owner: Annotated[str, Query(min_length=1, max_length=255)]) -> Queue:
    """Somebody's open tasks by risk × value × expected effect ÷ effort, with a mark on what fits into their day."""
    return await use.queueing.queue(owner)


@router.get("/tasks/{task_id}", dependencies=[require_scope("read")], summary="One task")
async def get_task(use: Use, task_id: UUID) -> TaskView:
    """A task with its script, its evidence and everything that was done about it."""
    return await use.queueing.task(task_id)


@router.post("/tasks/{task_id}/claim", summary="Take a task")
async def claim_task(use: Use, task_id: UUID, who: Worker, body: ClaimBody | None = None) -> TaskView:
    """What somebody else has claimed is refused (409) unless it is taken over."""
    asked = body or ClaimBody()
    await use.tending.claim(task_id, asked.owner or who.name, take_over=asked.take_over)
    return await use.queueing.task(task_id)


@router.post("/tasks/{task_id}/snooze", summary="Let a task sleep")
async def snooze_task(use: Use, task_id: UUID, body: SnoozeBody, who: Worker) -> TaskView:
    """Its clocks stand still; new evidence is kept and wakes nobody."""
    await use.tending.snooze(task_id, body.until, body.reason, who.name)
    return await use.queueing.task(task_id)


@router.post("/tasks/{task_id}/await", summary="Wait for the customer")
async def await_customer(use: Use, task_id: UUID, body: AwaitBody, who: Worker) -> TaskView:
    """Its clocks stand still until the customer replies or attends a meeting, or `/resume`: hours of theirs."""
    await use.tending.wait_for_customer(task_id, body.reason, who.name)
    return await use.queueing.task(task_id)


@router.post("/tasks/{task_id}/resume", summary="Wait for the customer no longer")
async def resume_task(use: Use, task_id: UUID, who: Worker) -> TaskView:
    """Its clocks run on from now, with the hours they had left."""
    await use.tending.go_on(task_id, who.name)
    return await use.queueing.task(task_id)


@router.post("/tasks/{task_id}/hand-over", summary="Give a task to somebody else")
async def hand_over_task(use: Use, task_id: UUID, body: HandOverBody, who: Worker) -> TaskView:
    """Who is away is stood in for; a role or a name that nobody has is refused (422), an address never is."""
    await use.tending.hand_over(task_id, body.to, body.reason, who.name)
    return await use.queueing.task(task_id)


@router.post("/tasks:hand-over", summary="Give all of somebody's tasks to others")
async def hand_over_tasks(use: Use, body: HandOverAllBody, who: Worker) -> HandedOver:
    """To one person, or shared over a role by load."""
    return HandedOver(tasks=await use.tending.hand_over_all(body.owner, body.to, body.reason, who.name))


@router.post("/tasks/{task_id}/complete", summary="End a task")
async def complete_task(use: Use, task_id: UUID, body: CompleteBody, who: Worker) -> TaskView:
    """With what became of it; runs that waited go on, and the outcome is told as an event."""
    await use.tending.complete(task_id, Outcome(body.outcome, body.note, body.minutes), who.name)
    return await use.queueing.task(task_id)


@router.post("/tasks/{task_id}/skip", summary="End a task undone")
async def skip_task(use: Use, task_id: UUID, body: SkipBody, who: Worker) -> TaskView:
    """With the reason; runs that waited go on."""
    await use.tending.skip(task_id, body.reason, who.name)
    return await use.queueing.task(task_id)
