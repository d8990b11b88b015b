# How far results can be trusted: paired tests between models, and the distance to what they were trained on.


rule compare_models:
    input:
        unpack(lambda w: plan.judged([w.task])),
    output:
        doubt=f"{R}/comparisons/{{task}}.doubt.parquet",
        comparisons=f"{R}/comparisons/{{task}}.parquet",
    log:
        f"{R}/logs/compare_models/{{task}}.log",
    benchmark:
        f"{R}/benchmarks/evaluate/compare_models.{{task}}.tsv"
    conda:
        "../envs/figures.yaml"
    params:
        metric=lambda w: plan.task(w.task).metric,
        trainings=plan.called_together,
        reference=plan.reference,
        seed=study.seed,
    message:
        "how surely models differ on {wildcards.task}"
    script:
        "../scripts/compare_models.py"


rule audit_leakage:
    input:
        labels=f"{R}/tasks/{{task}}/labels.parquet",
        index=f"{R}/datasets/{{dataset}}/index.parquet",
    output:
        f"{R}/tasks/{{task}}/leakage.{{dataset}}.parquet",
    log:
        f"{R}/logs/audit_leakage/{{task}}.{{dataset}}.log",
    benchmark:
        f"{R}/benchmarks/evaluate/audit_leakage.{{task}}.{{dataset}}.tsv"
    conda:
        "../envs/figures.yaml"
    params:
        task_m=lambda w: plan.side_m(w.task),
        site_m=lambda w: 10.0 * plan.dataset(w.dataset).patches.size_px,
    message:
        "distance of {wildcards.task} to the sites of {wildcards.dataset}"
    script:
        "../scripts/audit_leakage.py"


rule comparisons_table:
    input:
        plan.doubts["comparisons"],
    output:
        csv=report(
            f"{R}/paper/tables/comparisons.csv",
            caption="report/comparisons.rst",
            category="Tables",
            labels={"table": "comparisons"},
        ),
        md=f"{R}/paper/tables/comparisons.md",
        tex=f"{R}/paper/tables/comparisons.tex",
        html=f"{R}/paper/tables/comparisons.html",
    log:
        f"{R}/logs/comparisons_table.log",
    benchmark:
        f"{R}/benchmarks/paper/comparisons_table.tsv"
    conda:
        "../envs/figures.yaml"
    params:
        reference=plan.reference,
        simulated=study.simulated,
    message:
        "paired tests between models"
    script:
        "../scripts/comparisons_table.py"


rule leakage_table:
    input:
        leakage=plan.leakage,
        scores=lambda w: plan.audited["scores"],
        predictions=lambda w: plan.audited["predictions"],
    output:
        csv=report(
            f"{R}/paper/tables/leakage.csv",
            caption="report/leakage.rst",
            category="Tables",
            labels={"table": "leakage"},
        ),
        md=f"{R}/paper/tables/leakage.md",
        tex=f"{R}/paper/tables/leakage.tex",
        html=f"{R}/paper/tables/leakage.html",
    log:
        f"{R}/logs/leakage_table.log",
    benchmark:
        f"{R}/benchmarks/paper/leakage_table.tsv"
    conda:
        "../envs/figures.yaml"
    params:
        audits=list(plan.audits),
        datasets={m: d for (_, d), models in plan.audits.items() for m in models},
        metrics={t: plan.task(t).metric for t in study.evaluated_tasks},
        simulated=study.simulated,
    message:
        "results with and without ground seen in training"
    script:
        "../scripts/leakage_table.py"
