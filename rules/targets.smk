# Every figure and every table is asked for by its name. Included after the rules that make them, which it looks at.

from greenup.places import portable

for NAME, (FILE, LACKS) in plan.paper_targets.items():
    REFUSED = [refusal(NAME, study.study, LACKS)] if LACKS else []
    # A rule whose study has nothing for it would ask for files of a dataset called None.
    for MAKER in [r for r in workflow.rules if REFUSED and FILE in r.output]:
        MAKER.set_input(*REFUSED)
    if not workflow.is_rule(NAME):

        rule:
            name:
                NAME
            input:
                REFUSED or FILE,
            localrule: True


# Which code and which packages the jobs of this run are made with; Snakemake does not remember that. A run that makes
# nothing (`status`, `plan`) is not noted. Nor has it locked anything, and it must give nothing back: with its own locks
# Snakemake would remove those of a run beside it.
onstart:
    if any(job.output for job in workflow.dag.needrun_jobs()):
        from snakemake_interface_executor_plugins.utils import encode_target_jobs_cli_args
        from greenup.cluster.orphans import end_orphans
        from greenup.runs import note_run

        # A run that was killed has left its jobs in the queue; they would write beside those of this one.
        try:
            ended = end_orphans(
                encode_target_jobs_cli_args(
                    [spec for job in workflow.dag.needrun_jobs() for spec in job.get_target_spec()]
                ),
                study={
                    "--configfiles": [str(path) for path in workflow.overwrite_configfiles],
                    "--config": workflow.config_settings.config_args or [],
                },
                folder=workflow.workdir_init,
                on_cluster=not workflow.local_exec,
            )
        except UserError as error:
            raise WorkflowError(str(error))
        if ended:
            print(
                f"{ended} jobs of an earlier run were still in the queue: cancelled, what they saved is kept",
                file=sys.stderr,
            )
        note_run(R, deployment=workflow.deployment_settings.deployment_method)
    else:
        workflow.persistence.unlock = workflow.persistence.noop


rule record_provenance:
    input:
        figures=list(plan.figures.values()),
        tables=list(plan.tables.values()),
    output:
        provenance=plan.provenance,
        inputs=f"{R}/paper/provenance_inputs.csv",
        sources=f"{R}/paper/provenance_rows.csv",
    log:
        f"{R}/logs/record_provenance.log",
    benchmark:
        f"{R}/benchmarks/paper/record_provenance.tsv"
    # Snakemake's own records lie where it runs.
    localrule: True
    conda:
        "../envs/figures.yaml"
    params:
        figures=plan.figures,
        tables=plan.tables,
        seed=study.seed,
        together=plan.called_together,
        configfile=portable(str(workflow.configfiles[0])),
    message:
        "where every figure and table comes from"
    script:
        "../scripts/record_provenance.py"


rule provenance:
    input:
        plan.provenance,
    localrule: True
