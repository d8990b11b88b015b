# Weights: self-supervised pretraining, and the baselines that need weights.


rule pretrain_model:
    input:
        unpack(lambda w: plan.dataset_files(plan.model(w.model).dataset)),
    output:
        weights=f"{R}/models/{{model}}/weights.safetensors",
        config=f"{R}/models/{{model}}/config.json",
        curves=f"{R}/models/{{model}}/curves.csv",
        card=f"{R}/models/{{model}}/README.md",
    log:
        f"{R}/logs/pretrain_model/{{model}}.log",
    benchmark:
        f"{R}/benchmarks/pretrain/pretrain_model.{{model}}.tsv"
    conda:
        "../envs/train.yaml"
    threads: 2
    params:
        model=lambda w: plan.json(plan.model(w.model)),
        seed=study.seed,
        work=lambda w: f"{R}/work/pretrain/{w.model}",
    message:
        "model {wildcards.model}"
    shell:
        'python "$SCRIPTS"/pretrain_model.py --name {wildcards.model} --model {params.model:q}'
        " --index {input.index:q} --statistics {input.statistics:q} --seed {params.seed} --threads {threads}"
        ' --runtime "$RUNTIME" --work {params.work:q} --out-weights {output.weights:q} --log {log:q}'


rule pretrain:
    input:
        expand(f"{R}/models/{{model}}/weights.safetensors", model=plan.weighted_models),
