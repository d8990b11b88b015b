# Labels and folds of the downstream tasks.


# A file of config/label_tables.csv. Where Snakemake itself runs: compute nodes of clusters seldom reach the internet.
rule fetch_label_table:
    output:
        ensure("data/label_tables/{file}", non_empty=True),
    log:
        f"{R}/logs/fetch_label_table/{{file}}.log",
    benchmark:
        f"{R}/benchmarks/tasks/fetch_label_table.{{file}}.tsv"
    wildcard_constraints:
        file="[^/]+",
    retries: 3
    localrule: True
    conda:
        "../envs/geo.yaml"
    params:
        name=lambda w: plan.fetched_labels(w.file).name,
        url=lambda w: plan.fetched_labels(w.file).url,
        checksum=lambda w: plan.fetched_labels(w.file).checksum,
    message:
        "{params.name} from {params.url}"
    script:
        "../scripts/fetch_label_table.py"


rule label_task:
    input:
        sites=lambda w: f"{R}/sites/{plan.task(w.task).dataset}.parquet",
        index=lambda w: plan.places(plan.task(w.task).dataset)["index"],
        labels=lambda w: plan.label_inputs(w.task),
    output:
        labels=f"{R}/tasks/{{task}}/labels.parquet",
        folds=f"{R}/tasks/{{task}}/folds.parquet",
        report=f"{R}/tasks/{{task}}/report.json",
    log:
        f"{R}/logs/label_task/{{task}}.log",
    benchmark:
        f"{R}/benchmarks/tasks/label_task.{{task}}.tsv"
    wildcard_constraints:
        task="|".join(plan.point_tasks) or "none",
    conda:
        "../envs/geo.yaml"
    params:
        task=lambda w: plan.settings(plan.task(w.task)),
        imagery=lambda w: plan.settings(plan.dataset(plan.task(w.task).dataset).imagery),
        folds=plan.settings(study.evaluation.folds),
        seed=study.seed,
    message:
        "task {wildcards.task}"
    script:
        "../scripts/label_task.py"


rule tasks:
    input:
        expand(f"{R}/tasks/{{task}}/labels.parquet", task=study.tasks),
