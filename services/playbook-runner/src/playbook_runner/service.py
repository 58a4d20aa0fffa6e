"""The runner's use cases, put together once by each process; it opens nothing by itself."""

from dataclasses import dataclass

import httpx

from milepost_runtime import http
from milepost_runtime.database import Pool
from milepost_runtime.queue import Hints
from playbook_runner.absorbing import Absorbing
from playbook_runner.actions.email import EmailChannel
from playbook_runner.advancing import Advancing
from playbook_runner.clients.scoring import QUESTION_LIMIT_S, ScoringClient
from playbook_runner.deciding import Deciding
from playbook_runner.drafting import Desk
from playbook_runner.keeping import Keeping
from playbook_runner.performing import Performing
from playbook_runner.reading import Reading
from playbook_runner.resolving import Resolving
from playbook_runner.settings import RunnerSettings, mail_server
from playbook_runner.starting import Starting


@dataclass(frozen=True)
class Runner:
    """Everything that the playbook runner can do."""

    keeping: Keeping
    deciding: Deciding
    starting: Starting
    advancing: Advancing
    performing: Performing
    resolving: Resolving
    reading: Reading


def scoring_http(settings: RunnerSettings) -> httpx.AsyncClient:
    """Return the client for the scoring API; whoever opens it closes it."""
    return http.client(settings.scoring_url, timeout_s=QUESTION_LIMIT_S)


def build_runner(settings: RunnerSettings, pool: Pool, hints: Hints, client: httpx.AsyncClient) -> Runner:
    """Return the use cases over one pool and one HTTP client."""
    keeping = Keeping(pool)
    absorbing = Absorbing(keeping)
    scoring = ScoringClient(client, settings.scoring_api_key.get_secret_value())
    deciding = Deciding(pool, keeping, scoring, _desk(settings))
    email = EmailChannel(
        server=mail_server(settings.smtp_url.get_secret_value()),
        sender=settings.runner_mail_from,
        timeout_s=settings.runner_mail_timeout_s,
    )
    return Runner(
        keeping=keeping,
        deciding=deciding,
        starting=Starting(pool, keeping, hints, settings.runner_lease_s),
        advancing=Advancing(
            pool=pool, absorbing=absorbing, deciding=deciding, hints=hints, lease_s=settings.runner_lease_s
        ),
        performing=Performing(
            pool=pool,
            absorbing=absorbing,
            deciding=deciding,
            channels={email.name: email},
            hints=hints,
            lease_s=settings.runner_lease_s,
            quiet_margin_s=settings.runner_quiet_margin_s,
        ),
        resolving=Resolving(pool, absorbing, hints),
        reading=Reading(pool),
    )


def _desk(settings: RunnerSettings) -> Desk:
    return Desk(
        sender=settings.runner_mail_from,
        sender_name=settings.runner_mail_name,
        fallback=settings.runner_nudge_to,
        page_base=settings.public_url_scoring,
    )
