# Labels and folds of the downstream tasks.


rule label_task:
    input:
        sites=lambda w: f"{R}/sites/{plan.task(w.task).dataset}.parquet",
        index=lambda w: f"{R}/datasets/{plan.task(w.task).dataset}/index.parquet",
        labels=lambda w: plan.label_inputs(w.task),
    output:
        labels=f"{R}/tasks/{{task}}/labels.parquet",
        folds=f"{R}/tasks/{{task}}/folds.parquet",
    log:
        f"{R}/logs/label_task/{{task}}.log",
    benchmark:
        f"{R}/benchmarks/tasks/label_task.{{task}}.tsv"
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
