"""Claims about watches: they fire once, after having held, and again only once they were armed again."""

from datetime import UTC, datetime, timedelta

from milepost_core.playbooks.conditions import Compare, Fact
from milepost_core.playbooks.document import WatchTrigger
from milepost_core.playbooks.watching import Stand, look, unseen

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
BELOW = Compare("score", "lt", (40.0,))
PLAIN = WatchTrigger("threshold", BELOW)
HYSTERESIS = WatchTrigger("threshold", BELOW, rearm=Compare("score", "gt", (50.0,)))


def course(trigger: WatchTrigger, *scores: float | None, days: float = 1.0, news: bool = True) -> list[int]:
    """Return on which looks a watch fires, one look every so many days."""
    stand, fired = unseen(trigger), []
    for place, score in enumerate(scores):
        found = look(trigger, stand, {"score": Fact(score)}, NOW + timedelta(days=days * place), news=news)
        stand = found.stand
        fired += [place] if found.fires else []
    return fired


def test_it_fires_when_it_comes_to_hold_and_not_again_while_it_holds() -> None:
    assert course(PLAIN, 60, 39, 38, 37) == [1]


def test_without_a_margin_it_fires_again_after_it_did_not_hold() -> None:
    assert course(PLAIN, 39, 41, 39) == [0, 2]


def test_with_a_margin_a_score_that_trembles_fires_once() -> None:
    assert course(HYSTERESIS, 39, 41, 39, 49.9, 39, 50.1, 39) == [0, 6]


def test_what_cannot_be_known_neither_fires_nor_arms() -> None:
    assert course(PLAIN, None, 39, None, 39) == [1]
    assert course(HYSTERESIS, 39, None, 39) == [0]


def test_it_has_to_hold_for_so_many_days_on_end() -> None:
    trigger = WatchTrigger("threshold", BELOW, hold=3.0)
    assert course(trigger, 39, 39, 39, 39, 39) == [3]
    assert course(trigger, 39, 39, 41, 39, 39, 39, 39) == [6]
    assert course(trigger, 39, 39, None, 39, 39, 39, 39) == [6]


def test_what_holds_already_when_a_watch_begins_is_no_news() -> None:
    seen = look(PLAIN, unseen(PLAIN), {"score": Fact(39.0)}, NOW, news=False)
    assert (seen.fires, seen.stand) == (False, Stand(armed=False))
    assert course(PLAIN, 39, 41, 39, news=False) == []


def test_what_has_begun_to_hold_as_news_goes_on_whatever_history_comes_in() -> None:
    trigger = WatchTrigger("threshold", BELOW, hold=3.0)
    begun = look(trigger, unseen(trigger), {"score": Fact(39.0)}, NOW, news=True).stand
    between = look(trigger, begun, {"score": Fact(38.0)}, NOW + timedelta(days=1), news=False).stand
    assert look(trigger, between, {"score": Fact(38.0)}, NOW + timedelta(days=3), news=True).fires


def test_who_was_never_inside_cannot_leave() -> None:
    leaving = WatchTrigger("segment", BELOW, leaving=True)
    assert course(leaving, 60, 60) == []
    assert course(leaving, 60, 39, 60, 60, 39, 60) == [2, 5]


def test_each_firing_is_an_episode_of_its_own() -> None:
    stand = unseen(PLAIN)
    for score, episode in ((39.0, 1), (41.0, 1), (39.0, 2)):
        stand = look(PLAIN, stand, {"score": Fact(score)}, NOW, news=True).stand
        assert stand.episode == episode


def test_a_firing_says_what_held_and_for_how_long() -> None:
    trigger = WatchTrigger("threshold", BELOW, hold=3.0)
    stand = Stand(armed=True, held_since=NOW - timedelta(days=3))
    found = look(trigger, stand, {"score": Fact(38.2)}, NOW, news=True)
    assert found.because == "the score is 38.2, which is below 40, for 3 days by now"
