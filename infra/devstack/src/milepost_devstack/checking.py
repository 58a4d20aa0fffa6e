"""Check every setting of the house before anything is started; it starts nothing and changes nothing."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path

from milepost_devstack.environment import PREFIX, EnvironmentUnreadable, given, port
from milepost_devstack.house import Addresses, House, Told, preferred_ports, processes
from milepost_devstack.known_settings import known_names, settings_classes, twice_set, unknown
from milepost_devstack.ports import HOST
from milepost_devstack.preparation import demo_wish
from milepost_runtime.settings import SECRET_LENGTH, SettingsError, examine

_MAILBOX = "milepost_devstack.mailbox.settings"
# What stands in for what a start would make; only what the owner set is judged.
_UNMADE_SECRET = "x" * SECRET_LENGTH
_UNMADE = {"DATABASE_URL": "postgresql://127.0.0.1/milepost", "REDIS_URL": "redis://127.0.0.1/0"}


def require_usable(house: House, environ: Mapping[str, str]) -> None:
    """Raise SettingsError with every problem of every process at once, names that nobody reads among them."""
    problems = problems_of(house, environ)
    if problems:
        raise SettingsError([*problems, *unknown(environ)])


def problems_of(house: House, environ: Mapping[str, str]) -> list[str]:
    """Every reason why a process of the house would refuse what `environ` and the supervisor tell it, one line each."""
    found = list(_unreadable(environ))
    readable = _without(environ, found)
    found += _of_the_supervisor(house, readable)
    of_processes = _of_the_processes(house, _without(readable, found))
    return list(dict.fromkeys([*(sentence for _, sentence in found), *of_processes]))


def _without(environ: Mapping[str, str], told: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The environment without the names of which there is something to tell already."""
    names = {name for name, _ in told}
    return {name: value for name, value in environ.items() if name not in names}


def _unreadable(environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name in sorted(known_names()):
        try:
            given(environ, name.removeprefix(PREFIX))
        except EnvironmentUnreadable as error:
            yield f"{name}_FILE", str(error)


def _of_the_supervisor(house: House, environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    double = list(twice_set(environ))
    for name in double:
        sentence = f"{name} and {name}_FILE are both set: keep one"
        yield from ((name, sentence), (f"{name}_FILE", sentence))
    checks: dict[str, Callable[[], object]] = {f"{PREFIX}DEMO": partial(demo_wish, environ)}
    for name, preferred in preferred_ports(house).items():
        checks[PREFIX + name] = partial(port, environ, name, preferred)
    for name, check in checks.items():
        try:
            if name not in double:
                check()
        except EnvironmentUnreadable as error:
            yield from ((name, str(error)), (f"{name}_FILE", str(error)))


def _of_the_processes(house: House, environ: Mapping[str, str]) -> Iterator[str]:
    # A port of 0 is replaced by a free one before any process is told.
    ports = {name: port(environ, name, preferred) or preferred for name, preferred in preferred_ports(house).items()}
    urls = {name: given(environ, name) or unmade for name, unmade in _UNMADE.items()}
    where = Addresses(given(environ, "HOST") or HOST, ports, urls["DATABASE_URL"], urls["REDIS_URL"], run_id="")
    told = Told(_UNMADE_SECRET, service_key="", home=Path("/"))
    told_to = {process.name: process.env for process in processes(house, where, environ, told)}
    modules = {service.name: f"{service.endpoint}.settings" for service in house.services} | {"mailbox": _MAILBOX}
    for name, module in modules.items():
        for cls in settings_classes(module):
            yield from examine(cls, told_to[name])[1]
