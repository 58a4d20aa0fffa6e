"""Routes for what people write about an account: notes, doubts, answers, and for taking a person out of all that."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request

from milepost_runtime.idempotency import shows
from scoring_api.dependencies import Use, strict_query
from scoring_api.people.feedback_views import (
    AccountFeedback,
    AnswerRequest,
    ErasureDone,
    ErasureRequest,
    FeedbackPage,
    FeedbackRequest,
    FeedbackState,
    FeedbackView,
    NotePage,
    NoteRequest,
    NoteView,
    Visibility,
)
from scoring_api.people.noting import named
from scoring_api.routers import people_examples as examples
from scoring_api.routers.accounts import Asked
from scoring_api.routers.examples import answering
from scoring_api.routers.people import Cursor, Limit, MayAdminister, MayRead, MayWrite, speaker
from scoring_api.routers.people_examples import making
from scoring_api.routers.segments import NamedSegments

router = APIRouter(tags=["people"], dependencies=[Depends(strict_query)], route_class=NamedSegments)


@router.post("/accounts/{account_id}/notes", status_code=201, summary="Write a note", responses=making(examples.NOTE))
async def write_note(account_id: Asked, body: NoteRequest, request: Request, key: MayWrite, use: Use) -> NoteView:
    """Plain text of up to 5,000 characters; the score as it stands is kept beside it."""
    note = await use.people.noting.write(account_id, body, speaker(request, key, body.author))
    shows(request, named(note.id))
    return note


@router.get(
    "/accounts/{account_id}/notes",
    dependencies=[MayRead],
    summary="Notes on an account",
    responses=answering(examples.NOTES),
)
async def list_notes(
    account_id: Asked, use: Use, visibility: Visibility | None = None, limit: Limit = 50, cursor: Cursor = None
) -> NotePage:
    """The newest first, each with the score of that moment."""
    return await use.people.noting.page(account_id, visibility, cursor, limit)


@router.delete("/accounts/{account_id}/notes/{note_id}", status_code=204, summary="Delete a note")
async def delete_note(account_id: Asked, note_id: UUID, request: Request, key: MayWrite, use: Use) -> None:
    """Its text is gone for good; that there was one, by whom, and who deleted it, is kept."""
    await use.people.noting.delete(account_id, note_id, speaker(request, key, None))


@router.post(
    "/accounts/{account_id}/feedback",
    status_code=201,
    summary="Say that a score looks wrong",
    responses=making(examples.FEEDBACK),
)
async def ask_about_score(
    account_id: Asked, body: FeedbackRequest, request: Request, key: MayWrite, use: Use
) -> FeedbackView:
    """It waits, with the score that it is about, for the account's owner of then, else the steward of the models."""
    return await use.people.doubting.ask(account_id, body, speaker(request, key, body.author))


@router.get(
    "/accounts/{account_id}/feedback",
    dependencies=[MayRead],
    summary="Doubts about an account's score, with their answers",
    responses=answering(examples.FEEDBACK_OF),
)
async def list_feedback_of_account(account_id: Asked, use: Use) -> AccountFeedback:
    """The newest first."""
    return await use.people.doubting.of_account(account_id)


@router.get(
    "/feedback",
    dependencies=[MayRead],
    summary="Doubts about scores, what waits longest first",
    responses=answering(examples.FEEDBACK_PAGE),
)
async def list_feedback(
    use: Use,
    state: FeedbackState | None = None,
    owner: Annotated[str | None, Query(min_length=1, max_length=200, description="Who has to answer")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> FeedbackPage:
    """`open` counts all that waits for this owner, or for anybody when none is named."""
    return await use.people.doubting.page(state, owner, cursor, limit)


@router.post("/feedback/{feedback_id}/answer", summary="Answer a doubt", responses=answering(examples.ANSWERED))
async def answer_feedback(
    feedback_id: UUID, body: AnswerRequest, request: Request, key: MayWrite, use: Use
) -> FeedbackView:
    """Once: an answer is never written over. It shows on the account's page."""
    return await use.people.doubting.answer(feedback_id, body, speaker(request, key, body.author))


@router.post("/erasures", summary="Forget a person in what people said", responses=answering(examples.ERASED))
async def forget_person(body: ErasureRequest, request: Request, key: MayAdminister, use: Use) -> ErasureDone:
    """Who signs, had a doubt to answer, or is named in the text of an override, pulse, note, doubt or milestone, is
    nobody then, also in what was known at earlier moments. What waits for an account's owner goes with the account.

    What an account did is forgotten where events are taken: `POST /erasures` there. Ask at both, for each name by
    itself; a text that describes a person without the name is not found.
    """
    return await use.people.erasing.erase(body, speaker(request, key, None))
