"""Claims that hold whatever is sent: the published contract against the running service, by chance and by its examples.

Every operation gets data that fits the contract and data that does not; no answer is an error of ours, and each has
the status, media type, headers and shape that the contract tells.
"""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.config import GenerationConfig, SchemathesisConfig
from schemathesis.generation import GenerationMode
from support.processes import ScoringProcess, scoring_process
from support.scored import clock, three_customers
from support.scoring_web import add_key, running

from milepost_runtime.database import Pool
