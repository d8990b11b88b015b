# The whole network trained on a task's labels: one cell a model x task, all its folds.


rule finetune_model:
    input:
        unpack(lambda w: plan.finetune_inputs(w.model, w.task)),
        labels=f"{R}/tasks/{{task}}/labels.parquet",
        folds=f"{R}/tasks/{{task}}/folds.parquet",
    output:
        scores=f"{R}/probes/{{model}}/{{task}}/finetune.{{folds}}.parquet",
        predictions=f"{R}/probes/{{model}}/{{task}}/finetune.{{folds}}.predictions.parquet",
        curve=f"{R}/probes/{{model}}/{{task}}/finetune.{{folds}}.curve.csv",
    log:
        f"{R}/logs/finetune_model/{{model}}/{{task}}/{{folds}}.log",
    benchmark:
        f"{R}/benchmarks/evaluate/finetune_model.{{model}}.{{task}}.{{folds}}.tsv"
    wildcard_constraints:
        model="|".join(study.evaluation.finetune.models) or "none",
        task="|".join(study.evaluation.finetune.tasks) or "none",
    # Long.
    priority: 2
    conda:
        "../envs/train.yaml"
    threads: 2
    params:
        task=lambda w: plan.json(plan.task(w.task)),
        protocol=lambda w: plan.json(plan.finetune_recipe(w.model)),
        images=lambda w: plan.finetune_images(w.task),
        folder=lambda w: plan.model_folder(w.model),
        fold_count=study.evaluation.finetune.count,
        seed=study.seed,
        work=lambda w: f"{R}/work/finetune/{w.model}/{w.task}/{w.folds}",
    message:
        "fine-tuning of {wildcards.model} on {wildcards.task} ({wildcards.folds} folds)"
    # In place of the shell, which would die of a signal before the training has saved.
    shell:
        'exec python "$SCRIPTS"/finetune_model.py --model {wildcards.model} --task {wildcards.task} --kind {wildcards.folds}'
        " --model-folder {params.folder:q} --settings {params.task:q} --protocol {params.protocol:q}"
        " --images {params.images:q} --labels {input.labels:q} --folds {input.folds:q} --count {params.fold_count}"
        ' --seed {params.seed} --threads {threads} --runtime "$RUNTIME" --work {params.work:q} --log {log:q}'
        " --out-scores {output.scores:q} --out-predictions {output.predictions:q} --out-curve {output.curve:q}"
