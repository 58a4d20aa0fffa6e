"""Looking at one account for one watch: how they stand to each other from now on, and whether that starts anything.

It asks nobody and keeps nothing; what a watch is worth is the law's to say.
"""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from uuid import UUID

from milepost_core.cadence.admitting import Occasion, subjects_to_admit
from milepost_core.cadence.dating import due_at
from milepost_core.playbooks.conditions import Facts, subjects_of
from milepost_core.playbooks.document import BandTrigger, DateTrigger, Trigger, WatchTrigger
from milepost_core.playbooks.starting import trigger_key
from milepost_core.playbooks.watching import Stand, look, unseen
from playbook_runner.documents.keeping import Kept
from playbook_runner.people.places import ZONE, Places
from playbook_runner.runs.asking import text_of
from playbook_runner.runs.opening import Reason


@dataclass(frozen=True)
class Seen:
    """What one look came to."""

    stand: Stand
    reason: Reason | None = None


@dataclass(frozen=True)
class Lookout:
    """One watch at one moment: `begun_at` is since when it watches, `places` where people live (dates go by that)."""

    one: Kept
    begun_at: datetime
    now: datetime
    places: Places = field(default_factory=Places)

    def see(self, account: UUID, facts: Facts, before: Stand, *, news: bool) -> Seen:
        """Look at an account of which this is known now; `news`: what holds came to hold today."""
        match self.one.playbook.trigger:
            case WatchTrigger() as trigger:
                return self._watched(trigger, account, facts, before, news)
            case DateTrigger() as trigger:
                return self._dated(trigger, account, facts, before)
            case BandTrigger() as trigger:
                return self._lasting(trigger, account, facts, before)
            case _:
                return Seen(before)

    def _watched(self, trigger: WatchTrigger, account: UUID, facts: Facts, before: Stand, news: bool) -> Seen:
        found = look(trigger, before, facts, self.now, news=news)
        if not found.fires:
            return Seen(found.stand)
        reason = self._reason(account, "watch", f"episode {found.stand.episode}", self.now)
        return Seen(found.stand, replace(reason, because=found.because))

    def _dated(self, trigger: DateTrigger, account: UUID, facts: Facts, before: Stand) -> Seen:
        """A date is answered once, whatever comes of it; `held_since` keeps the day of the last one that was.

        That is the day as it was told, so an account that moves to another zone is not answered again.
        """
        due = due_at(trigger, facts, self.places.zone(text_of(facts, ZONE)))
        if due is None or not self.begun_at <= due.at <= self.now:
            return Seen(before)
        stand = Stand(armed=True, episode=before.episode + 1, held_since=datetime.combine(due.day, time(0), UTC))
        if before.held_since == stand.held_since:
            return Seen(before)
        reason = self._reason(account, "date", due.day.isoformat(), due.at)
        days = trigger.offset_days
        about = f"{abs(days)} days {'before' if days < 0 else 'after'} " if days else ""
        return Seen(stand, replace(reason, because=f"it is {about}the date in {trigger.attribute}"))

    def _lasting(self, trigger: BandTrigger, account: UUID, facts: Facts, before: Stand) -> Seen:
        since, fact = before.held_since, facts.get("band")
        band = fact.value if fact is not None else None
        if since is None or self.now - since < timedelta(days=trigger.hold):
            return Seen(before)
        over = replace(before, held_since=None)
        if not isinstance(band, str) or band not in trigger.to:
            return Seen(over)
        reason = self._reason(account, "band_changed", f"held since {since.isoformat()}", self.now)
        because = f"the band has been {band} for {trigger.hold:g} days"
        return Seen(
            replace(over, episode=before.episode + 1),
            replace(reason, because=because, occasion=replace(reason.occasion, band=band)),
        )

    def _reason(self, account: UUID, kind: str, what: str, happened_at: datetime) -> Reason:
        key = trigger_key(self.one.playbook.id, kind, what)
        return Reason(account, self.one, Occasion(kind, happened_at), key, because="")


def at_first(trigger: Trigger) -> Stand:
    """Return how a watch stands to an account that it does not know."""
    return unseen(trigger) if isinstance(trigger, WatchTrigger) else Stand(armed=True)


def is_watched(one: Kept) -> bool:
    """Return whether a playbook has something to watch: a condition, a date, a band that has to last."""
    trigger = one.playbook.trigger
    return isinstance(trigger, WatchTrigger | DateTrigger) or (isinstance(trigger, BandTrigger) and trigger.hold > 0)


def subjects_to_see(one: Kept) -> tuple[str, ...]:
    """Return all that a look and an admission depend on, so that one question suffices."""
    trigger = one.playbook.trigger
    match trigger:
        case WatchTrigger():
            looked = subjects_of(trigger.enter, trigger.rearm)
        case DateTrigger():
            looked = (f"attribute.{trigger.attribute}", ZONE)
        case _:
            looked = ("band",)
    return tuple(dict.fromkeys((*looked, *subjects_to_admit(one.playbook))))
