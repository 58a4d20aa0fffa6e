"""What a check of the doctor says; never a check itself."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Literal

State = Literal["ok", "warn", "fail", "unchecked"]


@dataclass(frozen=True)
class Finding:
    """One check: what was found, and what to do about it when it is not well."""

    check: str
    state: State
    found: str
    remedy: str = ""

    def document(self) -> dict[str, str]:
        """As JSON."""
        return asdict(self)


def failed(findings: Iterable[Finding]) -> bool:
    """True when at least one check says that the house cannot work as promised."""
    return any(finding.state == "fail" for finding in findings)
