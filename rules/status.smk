# What of the study is done, missing, outdated and why.

import json


# No output is declared, so that it runs each time it is asked for. Snakemake is asked, hence its own environment.
rule status:
    log:
        f"{R}/logs/status.log",
    localrule: True
    conda:
        "../envs/workflow.yaml"
    params:
        root=R,
        snakefile=workflow.main_snakefile,
        configfiles=[str(c) for c in workflow.configfiles],
        config=json.dumps(workflow.config_settings.config),
        triggers=lambda w: sorted(t.item_to_choice() for t in workflow.rerun_triggers),
    message:
        "status of {params.root}"
    shell:
        'python "$SCRIPTS"/status.py {params.root:q} --snakefile {params.snakefile:q}'
        " --configfiles {params.configfiles:q} --config {params.config:q} --triggers {params.triggers} --log {log:q}"
