"""Settings of all worker tests, and a whole set of tiny random models of the real architectures."""

import os

# Before torch is imported: threads that wait for each other cost more than they give at this size.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest

from studio.settings import Settings


@pytest.fixture(scope="session")
def tiny_set(tmp_path_factory):
    """Path of the manifest of a set of tiny models, built once; about 2 MB on disk."""
    from tests import tiny_models

    return tiny_models.build_set(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def tiny_settings(tiny_set):
    """Settings of a worker that serves the tiny set on the CPU."""
    return Settings(model_set=str(tiny_set), device="cpu")
