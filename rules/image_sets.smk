# Published image sets: what lies in the folder of each, the labels that it brings, and one vector an image.


rule list_image_set:
    input:
        told(lambda w: plan.image_set_files(w.image_set)),
    output:
        index=f"{R}/image_sets/{{image_set}}/index.parquet",
        statistics=f"{R}/image_sets/{{image_set}}/statistics.json",
    log:
        f"{R}/logs/list_image_set/{{image_set}}.log",
    benchmark:
        f"{R}/benchmarks/tasks/list_image_set.{{image_set}}.tsv"
    conda:
        "../envs/train.yaml"
    params:
        image_set=lambda w: plan.settings(study.image_sets[w.image_set]),
        seed=study.seed,
    message:
        "image set {wildcards.image_set}"
    script:
        "../scripts/list_image_set.py"


rule label_image_set:
    input:
        index=lambda w: f"{R}/image_sets/{plan.task(w.task).image_set}/index.parquet",
    output:
        labels=f"{R}/tasks/{{task}}/labels.parquet",
        folds=f"{R}/tasks/{{task}}/folds.parquet",
    log:
        f"{R}/logs/label_image_set/{{task}}.log",
    benchmark:
        f"{R}/benchmarks/tasks/label_image_set.{{task}}.tsv"
    wildcard_constraints:
        task="|".join(plan.labelled_sets) or "none",
    conda:
        "../envs/geo.yaml"
    params:
        task=lambda w: plan.settings(plan.task(w.task)),
        folds=plan.settings(study.evaluation.folds),
        seed=study.seed,
    message:
        "task {wildcards.task}"
    script:
        "../scripts/label_image_set.py"


rule embed_image_set:
    input:
        unpack(told(lambda w: plan.embed_set_inputs(w.model, w.image_set))),
    output:
        f"{R}/embeddings/{{model}}/{{image_set}}.parquet",
    log:
        f"{R}/logs/embed_images/{{model}}/{{image_set}}.log",
    benchmark:
        f"{R}/benchmarks/evaluate/embed_image_set.{{model}}.{{image_set}}.tsv"
    wildcard_constraints:
        model="|".join(plan.image_models) or "none",
    conda:
        "../envs/train.yaml"
    params:
        recipe=1,
        model=lambda w: plan.json(plan.model(w.model)),
        folder=lambda w: plan.model_folder(w.model),
        image_set=lambda w: plan.json(study.image_sets[w.image_set]),
        precision=study.evaluation.precision,
    message:
        "embeddings of {wildcards.image_set} by {wildcards.model}"
    shell:
        'python "$SCRIPTS"/embed_images.py --model {params.model:q} --model-folder {params.folder:q}'
        " --image-set {params.image_set:q} --index {input.index:q} --precision {params.precision} --threads {threads}"
        ' --runtime "$RUNTIME" --out {output:q} --log {log:q}'
