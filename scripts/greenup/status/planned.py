"""The jobs of a study as Snakemake itself plans them now. The only module that looks inside Snakemake (9.27)."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from greenup.errors import UserError
from greenup.status.causes import changed_inputs, changed_params, newer_inputs


@dataclass(frozen=True)
class Planned:
    """One job that makes files.

    ``stage``: the folder of its benchmark; ``missing``: outputs that are not there; ``is_due``: a run would run it;
    ``causes``: why, in words, where that lies with the job itself: not for files that are missing, nor for inputs that
    other jobs make again; ``has_begun``: begun and not ended; ``log``: its log file; ``after``: places in the list of
    the jobs that read what it makes.
    """

    rule: str
    stage: str
    wildcards: Mapping[str, str]
    outputs: tuple[str, ...]
    missing: tuple[str, ...]
    is_due: bool
    causes: tuple[str, ...]
    has_begun: bool
    log: str
    after: tuple[int, ...]


def planned_jobs(
    snakefile: str | Path, configfiles: Iterable[str | Path], config: Mapping[str, Any], triggers: Iterable[str]
) -> tuple[list[Planned], bool]:
    """The jobs of the default target in the working directory, and whether its files are locked: another Snakemake is
    at work there, or was killed.

    ``config``: words of ``--config``; ``triggers``: names of Snakemake's rerun triggers. Nothing is run or written, no
    lock is taken. Raises `UserError` where Snakemake cannot plan, such as for an input that is missing.
    """
    # Only where it is asked for: half a second.
    from snakemake.api import SnakemakeApi
    from snakemake.exceptions import RuleException, WorkflowError
    from snakemake.logging import logger
    from snakemake.settings.enums import Quietness
    from snakemake.settings.types import ConfigSettings, DAGSettings, OutputSettings, RerunTrigger, ResourceSettings

    output = OutputSettings(dryrun=True, quiet={Quietness.ALL}, enable_file_logging=False)
    with SnakemakeApi(output) as api:
        workflow_api = api.workflow(
            resource_settings=ResourceSettings(cores=1),
            config_settings=ConfigSettings(configfiles=[Path(c) for c in configfiles], config=dict(config)),
            snakefile=Path(snakefile),
        )
        chosen = frozenset(RerunTrigger.parse_choice(t) for t in triggers)
        workflow_api.dag(DAGSettings(rerun_triggers=chosen, force_incomplete=True))
        # As `snakemake --list-params-changes` does it; the interface itself gives reasons only as running text.
        workflow = workflow_api._workflow
        logger.setLevel(logging.WARNING)
        workflow._prepare_dag(forceall=False, ignore_incomplete=False, lock_warn_only=True, nolock=True)
        try:
            workflow._build_dag()
        except (WorkflowError, RuleException) as error:
            raise UserError(f"the study cannot be planned: {error}", "see what `snakemake -n` says of it") from error
        dag, persistence = workflow.dag, workflow.persistence
        jobs = [job for job in dag.jobs if job.output]
        places = {job: i for i, job in enumerate(jobs)}
        found = []
        for job in jobs:
            missing = tuple(str(f) for f in job.output if not os.path.exists(f))  # noqa: PTH110 - a path object each is slow
            is_due = dag.needrun(job)
            has_begun = is_due and bool(persistence._filter_incomplete_keys(map(str, job.output)))
            found.append(
                Planned(
                    rule=job.rule.name,
                    stage=Path(job.benchmark).parent.name if job.benchmark else "",
                    wildcards=dict(job.wildcards_dict),
                    outputs=tuple(map(str, job.output)),
                    missing=missing,
                    is_due=is_due,
                    causes=tuple(_causes(job, dag.reason(job), persistence)) if is_due and not missing else (),
                    has_begun=has_begun,
                    log=str(job.log[0]) if job.log else "",
                    after=tuple(places[other] for other in dag.depending[job] if other in places),
                )
            )
        return found, persistence.locked


def _causes(job: Any, reason: Any, persistence: Any) -> Iterable[str]:
    """Why a job whose outputs are there runs again. ``reason``: Snakemake's `Reason`."""
    if reason.forced:
        yield "begun and not ended"
    if newer := set(reason.updated_input) - set(reason.updated_input_run):
        yield newer_inputs(map(str, newer))
    if reason.params_changed:
        names = {persistence._serialize_param(value): name for name, value in job.params.items()}
        yield from changed_params(reason.params_changed.only_old, reason.params_changed.only_new, names)
    if reason.input_changed:
        yield changed_inputs(persistence.input(job.output[0]) or [], persistence._input(job))
    if reason.code_changed:
        yield "the script or the command of its rule has changed"
    if reason.software_stack_changed:
        yield "its software environment has changed"
