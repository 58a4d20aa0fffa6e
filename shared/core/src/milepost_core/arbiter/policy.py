"""The policy of outreach: how often, at which hours, and what stops a message; from a mapping to a checked value.

It decides about no message (see `arbiter`), looks at no clock and at no calendar of holidays.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import time as OfDay
from typing import Any, Final, Literal, TypeAlias, get_args

from milepost_core.model.zones import is_zone
from milepost_core.playbooks.document import TO_PERSONS
from milepost_core.playbooks.parsing_words import FIELD_FORM

Counted: TypeAlias = Literal["person", "account", "colleague"]
WORKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
FORMAT: Final = "policy/1"
MOST_CAPS: Final = 20
LONGEST_DAYS: Final = 366.0
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
_NAME = re.compile(FIELD_FORM)
_REGION = re.compile(r"([A-Z]{2}(-[A-Z0-9]{1,3})?)?")


@dataclass(frozen=True)
class Cap:
    """At most so many messages within so many days of 24 hours.

    Of `person`: to one customer contact. Of `account`: to all contacts of one account. Of `colleague`: to one of us.
    `channels` empty: over all of them together.
    """

    of: Counted
    most: int
    days: float
    channels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Policy:
    """What the arbiter goes by; the values here are the ones in force while nobody has said anything else.

    A customer whose zone or region nobody knows lives in `zone` and `region`. Messages go out from `opens` until
    `closes` (both midnight: around the clock) on `workdays` (Monday is 0) that are no holidays; `spread_minutes` is
    the time over which what was put off is dealt out. What waited `wait_days` is given up. A booked call of the next
    `call_days` is waited for, and `after_call_hours` beyond it; `look_again_hours` is the pause where nothing says
    when an obstacle goes. An escalation that nobody has closed stands for `escalation_days` since it was last opened;
    0: until it is closed.

    Colleagues who have no hours of their own work in these as well. `value_of` is the attribute that says what a
    customer is worth; a playbook's own goes before it.
    """

    zone: str = "UTC"
    region: str = ""
    opens: OfDay = OfDay(8, 0)
    closes: OfDay = OfDay(18, 0)
    workdays: frozenset[int] = frozenset(range(5))
    holidays: bool = True
    caps: tuple[Cap, ...] = (Cap("person", 1, 1.0), Cap("person", 3, 7.0), Cap("account", 4, 7.0))
    spread_minutes: float = 120.0
    wait_days: float = 7.0
    stop_on_escalation: bool = True
    escalation_days: float = 60.0
    stop_on_call: bool = True
    call_days: float = 2.0
    after_call_hours: float = 4.0
    look_again_hours: float = 4.0
    value_of: str = "arr"


@dataclass(frozen=True)
class Fault:
    """What is wrong with a policy, and where: keys and numbers from the outside in."""

    path: tuple[str | int, ...]
    sentence: str


class PolicyInvalid(Exception):
    """The document is no policy; `faults` says everything that is wrong with it."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(f"{'.'.join(map(str, one.path)) or 'policy'}: {one.sentence}" for one in faults))
        self.faults = tuple(faults)


@dataclass
class _Reader:
    """Reads values out of one mapping and gathers what is wrong instead of stopping at the first fault."""

    given: Mapping[str, Any]
    faults: list[Fault]
    path: tuple[str | int, ...] = ()
    read: set[str] = field(default_factory=set)

    def fault(self, key: str, sentence: str) -> None:
        self.faults.append(Fault((*self.path, key), sentence))

    def value(self, key: str, otherwise: Any, fits: Callable[[Any], bool], wanted: str) -> Any:
        self.read.add(key)
        found = self.given.get(key, otherwise)
        if key in self.given and not fits(found):
            self.fault(key, f"expected {wanted}")
            return otherwise
        return found

    def number(self, key: str, otherwise: float, least: float, most: float) -> float:
        return float(
            self.value(
                key, otherwise, lambda x: _is_number(x) and least <= x <= most, f"a number from {least:g} to {most:g}"
            )
        )

    def switch(self, key: str, *, otherwise: bool) -> bool:
        return bool(self.value(key, otherwise, lambda x: isinstance(x, bool), "true or false"))

    def clock(self, key: str, otherwise: OfDay) -> OfDay:
        text = self.value(key, None, lambda x: isinstance(x, str) and _CLOCK.fullmatch(x) is not None, "HH:MM")
        return OfDay.fromisoformat(text) if text else otherwise

    def done(self) -> None:
        for key in sorted(set(self.given) - self.read, key=str):
            self.fault(str(key)[:60], f"not known here; there is {', '.join(sorted(self.read))}")


def parse_policy(document: Mapping[str, Any]) -> Policy:
    """Return what a document of the format `policy/1` says; what it leaves out is as by default.

    Raises PolicyInvalid with every fault.
    """
    faults: list[Fault] = []
    reader, plain = _Reader(document, faults), Policy()
    reader.value("format", FORMAT, lambda x: x == FORMAT, FORMAT)
    opens, closes = reader.clock("opens", plain.opens), reader.clock("closes", plain.closes)
    if closes != OfDay(0) and opens >= closes:
        reader.fault("closes", "comes after `opens`, on the same day; 00:00 stands for the end of the day")
    policy = Policy(
        zone=reader.value("zone", plain.zone, lambda x: isinstance(x, str) and is_zone(x), "a zone: Europe/Berlin"),
        region=reader.value("region", plain.region, is_region, "a region such as DE, DE-BY or US-CA, or nothing"),
        opens=opens,
        closes=closes,
        workdays=_workdays(reader, plain.workdays),
        holidays=reader.switch("holidays", otherwise=plain.holidays),
        caps=_caps(reader, plain.caps),
        spread_minutes=reader.number("spread_minutes", plain.spread_minutes, 1, 1_440),
        wait_days=reader.number("wait_days", plain.wait_days, 0.5, 90),
        stop_on_escalation=reader.switch("stop_on_escalation", otherwise=plain.stop_on_escalation),
        escalation_days=reader.number("escalation_days", plain.escalation_days, 0, 3_650),
        stop_on_call=reader.switch("stop_on_call", otherwise=plain.stop_on_call),
        call_days=reader.number("call_days", plain.call_days, 0, 30),
        after_call_hours=reader.number("after_call_hours", plain.after_call_hours, 0, 72),
        look_again_hours=reader.number("look_again_hours", plain.look_again_hours, 0.25, 72),
        value_of=reader.value("value_of", plain.value_of, _is_name, "the name of an attribute: arr"),
    )
    reader.done()
    if faults:
        raise PolicyInvalid(faults)
    return policy


def document_of(policy: Policy) -> dict[str, Any]:
    """Return the document that says this policy, with everything written out."""
    return {
        "format": FORMAT,
        "zone": policy.zone,
        "region": policy.region,
        "opens": f"{policy.opens:%H:%M}",
        "closes": f"{policy.closes:%H:%M}",
        "workdays": [WORKDAYS[day] for day in sorted(policy.workdays)],
        "holidays": policy.holidays,
        "caps": [
            {"of": cap.of, "most": cap.most, "days": cap.days}
            | ({"channels": list(cap.channels)} if cap.channels else {})
            for cap in policy.caps
        ],
        "spread_minutes": policy.spread_minutes,
        "wait_days": policy.wait_days,
        "stop_on_escalation": policy.stop_on_escalation,
        "escalation_days": policy.escalation_days,
        "stop_on_call": policy.stop_on_call,
        "call_days": policy.call_days,
        "after_call_hours": policy.after_call_hours,
        "look_again_hours": policy.look_again_hours,
        "value_of": policy.value_of,
    }


def is_region(text: Any) -> bool:
    """Tell whether a text is written as a region: a country's two letters and perhaps a part of it, or nothing."""
    return isinstance(text, str) and _REGION.fullmatch(text) is not None


def _is_name(given: Any) -> bool:
    return isinstance(given, str) and _NAME.fullmatch(given) is not None


def _workdays(reader: _Reader, otherwise: frozenset[int]) -> frozenset[int]:
    wanted = f"at least one of {', '.join(WORKDAYS)}, each once"
    days = reader.value("workdays", None, _are_workdays, wanted)
    return frozenset(WORKDAYS.index(day) for day in days) if days is not None else otherwise


def _are_workdays(given: Any) -> bool:
    return isinstance(given, (list, tuple)) and 0 < len(given) == len({str(day) for day in given} & set(WORKDAYS))


def _caps(reader: _Reader, otherwise: tuple[Cap, ...]) -> tuple[Cap, ...]:
    given = reader.value("caps", None, lambda x: isinstance(x, (list, tuple)) and len(x) <= MOST_CAPS, "a list of caps")
    if given is None:
        return otherwise
    caps = []
    for place, one in enumerate(given):
        if not isinstance(one, Mapping):
            reader.faults.append(Fault(("caps", place), "expected of, most and days"))
            continue
        caps.append(_cap(_Reader(one, reader.faults, ("caps", place))))
    return tuple(caps)


def _cap(reader: _Reader) -> Cap:
    of = reader.value("of", "person", lambda x: x in get_args(Counted), f"one of {', '.join(get_args(Counted))}")
    most = reader.number("most", 1, 0, 10_000)
    if most != int(most):
        reader.fault("most", "expected a whole number")
    days = reader.number("days", 1, 1 / 24, LONGEST_DAYS)
    for key in ("of", "most", "days"):
        if key not in reader.given:
            reader.fault(key, "is missing")
    wanted = f"some of {', '.join(TO_PERSONS)}"
    channels = reader.value(
        "channels", (), lambda x: isinstance(x, (list, tuple)) and set(map(str, x)) <= set(TO_PERSONS), wanted
    )
    reader.done()
    return Cap(of, int(most), days, tuple(channels))


def _is_number(given: Any) -> bool:
    return isinstance(given, (int, float)) and not isinstance(given, bool)
