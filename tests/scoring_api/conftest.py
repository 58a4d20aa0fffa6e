"""What tests of the scoring service share: a recorder for any model, and the whole worker with the shipped one."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta

import httpx
import pytest
from support.forms import send
from support.people import Office, open_office
from support.scoring_web import Web, running

from milepost_core.model import ScoreModel
from milepost_runtime.database import Pool
from milepost_runtime.queue import Hints
from scoring_api.documents.founding import read_founding
from scoring_api.queries.marks import Arrival
from scoring_api.scores.lineup import OneModel
from scoring_api.scores.recording import Recording
from scoring_api.service import Scoring, build
from scoring_api.settings import ScoringSettings


@pytest.fixture(scope="module")
def recorder(scoring_pool: Pool, redis_url: str) -> Callable[[ScoreModel], Recording]:
    """Makes a recorder; what it records is the same under every model."""

    async def nothing_is_outdated() -> int:
        return 0

    def make(_model: ScoreModel) -> Recording:
        arrival = Arrival(timedelta(hours=48), timedelta(days=1))
        return Recording(scoring_pool, Hints(redis_url), arrival, "scoring.rescore", nothing_is_outdated)

    return make


@pytest.fixture(scope="module")
def shipped() -> ScoreModel:
    """The score model that Milepost ships."""
    return read_founding("b2b-onboarding").first.parsed


@pytest.fixture(scope="module")
def scoring(database_url: str, redis_url: str, scoring_pool: Pool, shipped: ScoreModel) -> Scoring:
    """The use cases of the worker, as the worker builds them."""
    settings = ScoringSettings(environment="test", database_url=database_url, redis_url=redis_url)
    return build(settings, OneModel(shipped), scoring_pool, Hints(redis_url))


@pytest.fixture(scope="module")
async def web(database_url: str, redis_url: str) -> AsyncIterator[Web]:
    """The web process of the service over the module's own database."""
    async with running(database_url, redis_url) as made:
        yield made


@pytest.fixture(scope="module")
async def office(web: Web, scoring_pool: Pool) -> Office:
    """People with a key, and the worker that hears them."""
    return await open_office(web, scoring_pool)


@pytest.fixture
async def client(office: Office) -> AsyncIterator[httpx.AsyncClient]:
    """A client with the key of the office."""
    async with office.client() as made:
        yield made


@pytest.fixture
async def visitor(office: Office) -> AsyncIterator[httpx.AsyncClient]:
    """A browser that has signed in."""
    async with office.web.client() as made:
        await send(made, "/app/sign-in", {"key": office.key})
        yield made
