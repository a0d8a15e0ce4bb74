"""What all tests share."""

from collections.abc import Iterator

import pytest

import wgloss


@pytest.fixture(params=["cpu", "gpu"])
def backend(request: pytest.FixtureRequest) -> Iterator[str]:
    """Runs a test on the CPU and on a GPU (a software adapter will do), by the default backend."""
    if request.param == "gpu" and not wgloss.adapters():
        pytest.skip("wgloss.adapters() is empty: there is no GPU and no software adapter")
    before = wgloss.get_default_backend()
    wgloss.set_default_backend(request.param)
    yield request.param
    wgloss.set_default_backend(before)
