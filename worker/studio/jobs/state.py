"""States of a job and the steps between them: the platform's words, pure."""

from studio.contract.job import FINAL_STATES, JobState

# Out of a final state there is one way only: a retry.
TRANSITIONS: dict[JobState, frozenset[JobState]] = {
    "IN_QUEUE": frozenset({"IN_PROGRESS", "FAILED", "CANCELLED", "TIMED_OUT"}),
    "IN_PROGRESS": frozenset({"COMPLETED", "FAILED", "CANCELLED", "TIMED_OUT"}),
    "COMPLETED": frozenset(),
    "CANCELLED": frozenset(),
    "FAILED": frozenset({"IN_QUEUE"}),
    "TIMED_OUT": frozenset({"IN_QUEUE"}),
}


class TransitionError(Exception):
    """A job cannot go from one state to the other. The text names both."""


def is_final(state: JobState) -> bool:
    return state in FINAL_STATES


def check_transition(old: JobState, new: JobState) -> None:
    """Raises TransitionError when a job in state `old` cannot become `new`."""
    if new not in TRANSITIONS.get(old, frozenset()):
        raise TransitionError(f"a job that is {old} cannot become {new}")
