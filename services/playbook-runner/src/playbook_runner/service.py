"""The runner's use cases, put together once by each process; it opens nothing by itself."""

from dataclasses import dataclass, replace
from functools import partial

import httpx

from milepost_runtime import http
from milepost_runtime.database import Pool
from milepost_runtime.guard import inside
from milepost_runtime.lines import Lines
from milepost_runtime.queue import Hints
from milepost_runtime.secrets import Vault
from playbook_runner.actions.channel import Channel
from playbook_runner.actions.crm.channel import CrmChannel
from playbook_runner.actions.doors import Doors, NoDoor
from playbook_runner.actions.email import EmailChannel
from playbook_runner.actions.slack import SlackChannel
from playbook_runner.actions.webhook import WebhookChannel
from playbook_runner.arbiter.arbitrating import Arbitrating
from playbook_runner.arbiter.policies import Policies
from playbook_runner.arbiter.suppressing import Suppressing
from playbook_runner.clients.ingest import IngestClient
from playbook_runner.clients.scoring import QUESTION_LIMIT_S, ScoringClient
from playbook_runner.clients.vocabulary import VocabularyClient
from playbook_runner.connections.admitting import Admitting
from playbook_runner.connections.connecting import OpenOutlet, Outlets, OutletShut, OutletUnknown
from playbook_runner.connections.setting_up import SettingUp
from playbook_runner.connections.writing_back import WritingBack
from playbook_runner.documents.cataloguing import Catalogue
from playbook_runner.documents.keeping import Keeping
from playbook_runner.documents.sampling import Sampling
from playbook_runner.effects.committing import Committing
from playbook_runner.effects.doubting import Doubting
from playbook_runner.effects.foreseeing import Foreseeing
from playbook_runner.effects.overseeing import Overseeing
from playbook_runner.effects.pacing import Pacing
from playbook_runner.effects.performing import Performing
from playbook_runner.effects.resending import Resending
from playbook_runner.effects.resolving import Resolving
from playbook_runner.explaining import Explaining
from playbook_runner.housekeeping import Housekeeping
from playbook_runner.in_app.putting_up import InAppChannel
from playbook_runner.in_app.showing import Showing
from playbook_runner.people.approving import Approving
from playbook_runner.people.queueing import Queueing
from playbook_runner.people.rostering import People
from playbook_runner.people.tasking import Tasking
from playbook_runner.people.telling import Telling
from playbook_runner.people.tending import Tending
from playbook_runner.reading import Reading
from playbook_runner.rehearsal.rehearsing import Rehearsing
from playbook_runner.rehearsal.staging import Staging
from playbook_runner.runs.absorbing import Absorbing
from playbook_runner.runs.advancing import Advancing
from playbook_runner.runs.asking import Asking
from playbook_runner.runs.by_hand import ByHand
from playbook_runner.runs.deciding import Deciding
from playbook_runner.runs.giving import Giving
from playbook_runner.runs.intending import Intending
from playbook_runner.runs.opening import Opening
from playbook_runner.runs.releasing import Releasing
from playbook_runner.runs.returning import Returning
from playbook_runner.runs.starting import Starting
from playbook_runner.runs.waking import Waking
from playbook_runner.runs.watching import Watching
from playbook_runner.settings import RunnerSettings, mail_server
from playbook_runner.wording.drafting import Desk
from playbook_runner.wording.ways_out import WaysOut


@dataclass(frozen=True)
class Runner:
    """Everything that the playbook runner can do."""

    keeping: Keeping
    catalogue: Catalogue
    releasing: Releasing
    deciding: Deciding
    opening: Opening
    by_hand: ByHand
    starting: Starting
    watching: Watching
    advancing: Advancing
    waking: Waking
    performing: Performing
    resolving: Resolving
    resending: Resending
    reading: Reading
    overseeing: Overseeing
    tasking: Tasking
    tending: Tending
    queueing: Queueing
    approving: Approving
    telling: Telling
    rehearsing: Rehearsing
    outlets: Outlets
    setting_up: SettingUp
    writing_back: WritingBack
    housekeeping: Housekeeping
    sampling: Sampling
    showing: Showing
    explaining: Explaining
    arbitrating: Arbitrating
    suppressing: Suppressing
    policies: Policies
    people: People
    ways_out: WaysOut


def scoring_http(settings: RunnerSettings) -> httpx.AsyncClient:
    """Return the client for the scoring API; whoever opens it closes it."""
    return http.client(settings.scoring_url, timeout_s=QUESTION_LIMIT_S)


def build_runner(settings: RunnerSettings, pool: Pool, hints: Hints, client: httpx.AsyncClient) -> Runner:
    """Return the use cases over one pool and one HTTP client."""
    keeping = Keeping(pool)
    absorbing = Absorbing(keeping)
    scoring = ScoringClient(client, settings.scoring_api_key.get_secret_value())
    opening = Opening(scoring, hints)
    deciding = Deciding(pool, keeping, scoring, _desk(settings), settings.runner_nudge_to)
    allowed = inside(settings.runner_inside)
    outlets = Outlets(pool, Vault(settings.secret_key.get_secret_value()), allowed)
    lines = Lines(allowed)
    admitting = Admitting(pool, outlets, lines)
    asking = Asking(pool, scoring)
    email = EmailChannel(
        server=mail_server(settings.smtp_url.get_secret_value()),
        sender=settings.runner_mail_from,
        timeout_s=settings.runner_mail_timeout_s,
    )
    doors, limit_s = Doors(partial(_door, outlets)), settings.runner_call_timeout_s
    offered = (
        email,
        InAppChannel(pool),
        CrmChannel(admitting.reach),
        WebhookChannel(lines, doors, limit_s),
        SlackChannel(lines, doors, limit_s),
    )
    channels: dict[str, Channel] = {channel.name: channel for channel in offered}
    mail_rate = settings.runner_mail_rate_per_s
    pacing = Pacing(pool, {"email": mail_rate} if mail_rate else {})
    arbitrating = Arbitrating(Vault(settings.secret_key.get_secret_value()))
    returning = Returning(arbitrating.vault)
    waking = Waking(pool, keeping, asking, returning, hints, settings.runner_lease_s)
    committing = Committing(pool, absorbing, arbitrating, returning, pacing, hints, settings.runner_lease_s)
    catalogue = Catalogue(pool, keeping, VocabularyClient(scoring))
    tasking = Tasking(pool, hints, settings.runner_nudge_to, settings.runner_lease_s)
    approving = Approving(pool, hints, keeping, settings.runner_nudge_to, settings.runner_lease_s)
    return Runner(
        keeping=keeping,
        catalogue=catalogue,
        releasing=Releasing(pool, hints, catalogue),
        deciding=deciding,
        opening=opening,
        by_hand=ByHand(pool, keeping, scoring, opening),
        starting=Starting(pool, keeping, opening, settings.runner_lease_s),
        watching=Watching(pool, keeping, opening, settings.runner_sweep_s, settings.runner_lease_s),
        advancing=Advancing(
            pool=pool,
            absorbing=absorbing,
            keeping=keeping,
            asking=asking,
            intending=Intending(pool, keeping, deciding, hints),
            giving=Giving(pool, scoring, tasking, approving, deciding.desk.page_base),
            hints=hints,
            lease_s=settings.runner_lease_s,
        ),
        waking=waking,
        performing=Performing(
            pool=pool,
            absorbing=absorbing,
            deciding=deciding,
            pacing=pacing,
            committing=committing,
            doubting=Doubting(pool, committing, settings.runner_quiet_margin_s),
            channels=channels,
            lease_s=settings.runner_lease_s,
        ),
        resolving=Resolving(pool, absorbing, hints),
        resending=Resending(pool, absorbing, Foreseeing(pool, deciding, arbitrating), channels, hints),
        reading=Reading(pool),
        overseeing=Overseeing(pool),
        tasking=tasking,
        tending=Tending(pool, hints),
        queueing=Queueing(pool, replace(scoring, many_limit_s=QUESTION_LIMIT_S)),
        approving=approving,
        rehearsing=Rehearsing(pool, keeping, Staging(pool, keeping, asking, deciding, arbitrating)),
        telling=Telling(pool, _front_door(settings, client), settings.runner_lease_s),
        outlets=outlets,
        setting_up=SettingUp(pool, outlets, admitting, hints),
        writing_back=WritingBack(pool, outlets, admitting, scoring, settings.runner_lease_s),
        housekeeping=Housekeeping(pool),
        sampling=Sampling(pool, keeping, scoring, deciding.desk, email, settings.runner_nudge_to),
        explaining=Explaining(pool, keeping, scoring, arbitrating, settings.runner_nudge_to),
        arbitrating=arbitrating,
        suppressing=Suppressing(pool, arbitrating.vault, waking),
        policies=Policies(pool),
        people=People(pool),
        ways_out=deciding.desk.ways_out,
        showing=Showing(pool, Vault(settings.secret_key.get_secret_value())),
    )


async def _door(outlets: Outlets, name: str) -> OpenOutlet:
    try:
        return await outlets.open_named(name)
    except (OutletUnknown, OutletShut) as error:
        raise NoDoor(str(error)) from None


def _front_door(settings: RunnerSettings, client: httpx.AsyncClient) -> IngestClient:
    return IngestClient(client, settings.ingest_url, settings.ingest_api_key.get_secret_value())


def _desk(settings: RunnerSettings) -> Desk:
    return Desk(
        sender=settings.runner_mail_from,
        sender_name=settings.runner_mail_name,
        page_base=settings.public_url_scoring,
        ways_out=WaysOut(Vault(settings.secret_key.get_secret_value()), settings.public_url_runner),
    )
