"""Errors of planning that a user can mend."""

import pytest
from greenup.errors import UserError
from greenup.plan_refusals import refusal, told


def test_an_answer_passes_through():
    assert told(lambda w, extra=1: [w, extra])("x", extra=2) == ["x", 2]


def test_what_a_user_can_mend_ends_planning_in_one_message():
    def lacking(_):
        raise UserError("data/x: is not there", "download it")

    with pytest.raises(SystemExit) as ended:
        told(lacking)("x")
    # What the interpreter prints, and exits with 1.
    assert ended.value.code == "error: data/x: is not there\n  mend: download it"


def test_other_errors_keep_their_traceback():
    with pytest.raises(ZeroDivisionError):
        told(lambda _: 1 / 0)("x")


def test_snakemake_sees_the_functions_own_parameters():
    """It hands wildcards, and input, output, ... only to functions that name them."""
    import inspect

    assert list(inspect.signature(told(lambda wildcards, input: input)).parameters) == ["wildcards", "input"]


def test_a_refusal_names_study_and_key():
    with pytest.raises(
        SystemExit, match=r"fig2: study 'mine' does not make it\n  mend: it needs paper.fig2_dataset: a"
    ):
        refusal("fig2", "mine", "paper.fig2_dataset: a dataset with images")(None)
