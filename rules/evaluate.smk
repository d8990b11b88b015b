# Numbers: one vector an image, and probes on the vectors.


rule embed_images:
    input:
        unpack(lambda w: plan.embed_inputs(w.model, w.dataset)),
    output:
        f"{R}/embeddings/{{model}}/{{dataset}}.parquet",
    log:
        f"{R}/logs/embed_images/{{model}}/{{dataset}}.log",
    benchmark:
        f"{R}/benchmarks/evaluate/embed_images.{{model}}.{{dataset}}.tsv"
    wildcard_constraints:
        model="|".join(plan.image_models) or "none",
    # Probes wait for it.
    priority: 1
    conda:
        "../envs/train.yaml"
    params:
        recipe=1,
        model=lambda w: plan.json(plan.model(w.model)),
        folder=lambda w: plan.model_folder(w.model),
        precision=study.evaluation.precision,
    message:
        "embeddings of {wildcards.dataset} by {wildcards.model}"
    shell:
        'python "$SCRIPTS"/embed_images.py --model {params.model:q} --model-folder {params.folder:q}'
        " --index {input.index:q} --statistics {input.statistics:q} --precision {params.precision} --threads {threads}"
        ' --runtime "$RUNTIME" --out {output:q} --log {log:q}'


rule run_probe:
    input:
        embeddings=lambda w: f"{R}/embeddings/{w.model}/{plan.task(w.task).images}.parquet",
        labels=f"{R}/tasks/{{task}}/labels.parquet",
        folds=f"{R}/tasks/{{task}}/folds.parquet",
        model_config=lambda w: plan.probe_config(w.model),
    output:
        scores=f"{R}/probes/{{model}}/{{task}}/{{protocol}}.{{folds}}.parquet",
        predictions=f"{R}/probes/{{model}}/{{task}}/{{protocol}}.{{folds}}.predictions.parquet",
    log:
        f"{R}/logs/run_probe/{{model}}/{{task}}/{{protocol}}.{{folds}}.log",
    benchmark:
        f"{R}/benchmarks/evaluate/run_probe.{{model}}.{{task}}.{{protocol}}.{{folds}}.tsv"
    conda:
        "../envs/train.yaml"
    params:
        task=lambda w: plan.settings(plan.task(w.task)),
        settings=lambda w: plan.settings(study.evaluation.protocols)[w.protocol],
        seed=study.seed,
    message:
        "{wildcards.protocol} probe ({wildcards.folds} folds) of {wildcards.model} on {wildcards.task}"
    script:
        "../scripts/run_probe.py"


rule evaluate:
    input:
        lambda w: plan.embeddings,
        lambda w: plan.scored,
