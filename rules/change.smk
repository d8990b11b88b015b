# Change detection: a frozen network looks at two dates, and a small head learns where they differ.


rule detect_change:
    input:
        weights=lambda w: f"{plan.model_folder(w.model)}/weights.safetensors",
        config=lambda w: f"{plan.model_folder(w.model)}/config.json",
    output:
        scores=f"{R}/probes/{{model}}/{{task}}/siamese.official.parquet",
        predictions=f"{R}/probes/{{model}}/{{task}}/siamese.official.predictions.parquet",
    log:
        f"{R}/logs/detect_change/{{model}}/{{task}}.log",
    benchmark:
        f"{R}/benchmarks/evaluate/detect_change.{{model}}.{{task}}.tsv"
    wildcard_constraints:
        model="|".join(plan.change_models) or "none",
        task="|".join(plan.change_tasks) or "none",
    conda:
        "../envs/train.yaml"
    params:
        recipe=1,
        image_set=lambda w: plan.json(study.image_sets[plan.task(w.task).image_set]),
        settings=plan.json(study.evaluation.protocols.siamese),
        folder=lambda w: plan.model_folder(w.model),
        seed=study.seed,
    message:
        "siamese head on {wildcards.model}, {wildcards.task}"
    shell:
        'python "$SCRIPTS"/detect_change.py --model {wildcards.model} --task {wildcards.task}'
        " --model-folder {params.folder:q} --image-set {params.image_set:q} --settings {params.settings:q}"
        " --seed {params.seed} --threads {threads} --out {output.scores:q} --predictions {output.predictions:q}"
        " --log {log:q}"
