"""Golden files are rewritten only when somebody asks for it; no test fails for being slow."""

from __future__ import annotations

import pytest
from hypothesis import settings

# How long an example takes depends on what else the machine does.
settings.register_profile("tests", deadline=None, print_blob=True)
settings.load_profile("tests")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="rewrite golden files instead of comparing"
    )


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--update-golden"))
