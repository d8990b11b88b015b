# How much: requests, hours, bytes and files, before anything is asked of anyone.


# No output is declared, so that it runs each time it is asked for.
rule plan:
    log:
        f"{R}/logs/plan.log",
    localrule: True
    conda:
        "../envs/geo.yaml"
    params:
        study=plan.settings(study),
        root=R,
    message:
        "plan of {params.root}"
    script:
        "../scripts/plan_costs.py"
