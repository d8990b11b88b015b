# What is sent to a competition: predictions for plots whose species are kept secret (GeoLifeCLEF 2023).


rule submit_species:
    input:
        embeddings=lambda w: f"{R}/embeddings/{w.model}/{plan.task(w.task).images}.parquet",
        blind=lambda w: f"{R}/embeddings/{w.model}/{plan.blind_set(w.task)}.parquet",
        labels=f"{R}/tasks/{{task}}/labels.parquet",
        model_config=lambda w: plan.probe_config(w.model),
    output:
        f"{R}/submissions/{{model}}/{{task}}.csv",
    log:
        f"{R}/logs/submit_species/{{model}}/{{task}}.log",
    benchmark:
        f"{R}/benchmarks/evaluate/submit_species.{{model}}.{{task}}.tsv"
    conda:
        "../envs/train.yaml"
    params:
        blind=lambda w: plan.settings(study.image_sets[plan.blind_set(w.task)]),
        task=lambda w: plan.settings(plan.task(w.task)),
        protocols=plan.settings(study.evaluation.protocols),
        submission=plan.settings(study.evaluation.submission),
        seed=study.seed,
    message:
        "submission of {wildcards.model} for {wildcards.task}"
    script:
        "../scripts/submit_species.py"


rule submissions:
    input:
        plan.submissions,
