"""The context of a job: progress, cancellation, its folder."""

import pytest

from studio.context import JobContext
from studio.failures import Cancelled
from studio.settings import Settings


def context(tmp_path, **values):
    told = []
    return JobContext("a", Settings(temp_root=tmp_path / "jobs"), told.append, **values), told


def test_progress_never_goes_back_and_stays_within_its_limits(tmp_path):
    made, told = context(tmp_path)
    for percent in (-5, 30, 20, 140):
        made.progress("generating", percent, f"at {percent}")
    assert [entry["percent"] for entry in told] == [0, 30, 30, 100]


def test_what_is_the_same_is_told_once(tmp_path):
    made, told = context(tmp_path)
    for message in ("one", "one", "two"):
        made.progress("generating", 10, message)
    assert [entry["message"] for entry in told] == ["one", "two"]


def test_cancellation_is_raised(tmp_path):
    made, _ = context(tmp_path, is_cancelled=lambda: True)
    with pytest.raises(Cancelled):
        made.check_cancelled()


def test_the_folder_is_made_on_demand_and_removed(tmp_path):
    made, _ = context(tmp_path)
    made.close()
    assert not (tmp_path / "jobs").exists()
    folder = made.scratch()
    (folder / "x").write_text("x")
    assert made.scratch() == folder
    made.close()
    assert list((tmp_path / "jobs").iterdir()) == []
