"""The table of states agrees with the contract."""

import itertools
from typing import get_args

import pytest

from studio.contract.job import FINAL_STATES, JobState
from studio.jobs.state import TRANSITIONS, TransitionError, check_transition, is_final

# The platform lists RUNNING beside IN_PROGRESS; this worker never says it.
OURS = [state for state in get_args(JobState) if state != "RUNNING"]


def test_every_state_has_its_row():
    assert set(TRANSITIONS) == set(OURS)


def test_out_of_a_final_state_leads_only_a_retry():
    for state in FINAL_STATES:
        assert is_final(state) and TRANSITIONS[state] <= {"IN_QUEUE"}
    assert not TRANSITIONS["COMPLETED"] and not TRANSITIONS["CANCELLED"]


@pytest.mark.parametrize(("old", "new"), list(itertools.product(OURS, OURS)))
def test_what_the_table_lacks_is_refused(old, new):
    if new in TRANSITIONS[old]:
        check_transition(old, new)
    else:
        with pytest.raises(TransitionError, match=f"{old} cannot become {new}"):
            check_transition(old, new)
