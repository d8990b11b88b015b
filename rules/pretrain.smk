# Weights: self-supervised pretraining, and the baselines that need weights.


# A file of config/weights.csv. Where Snakemake itself runs: compute nodes of clusters seldom reach the internet.
rule fetch_weights:
    output:
        ensure("data/weights/{file}", non_empty=True),
    log:
        f"{R}/logs/fetch_weights/{{file}}.log",
    benchmark:
        f"{R}/benchmarks/pretrain/fetch_weights.{{file}}.tsv"
    wildcard_constraints:
        file="[^/]+",
    retries: 3
    localrule: True
    conda:
        "../envs/geo.yaml"
    params:
        name=lambda w: plan.fetched_weights(w.file).name,
        url=lambda w: plan.fetched_weights(w.file).url,
        checksum=lambda w: plan.fetched_weights(w.file).checksum,
    message:
        "{params.name} from {params.url}"
    script:
        "../scripts/fetch_weights.py"


rule import_weights:
    input:
        file=told(lambda w: plan.released_file(w.model)),
    output:
        weights=f"{R}/models/{{model}}/weights.safetensors",
        config=f"{R}/models/{{model}}/config.json",
        curves=f"{R}/models/{{model}}/curves.csv",
        card=f"{R}/models/{{model}}/README.md",
    log:
        f"{R}/logs/import_weights/{{model}}.log",
    benchmark:
        f"{R}/benchmarks/pretrain/import_weights.{{model}}.tsv"
    wildcard_constraints:
        model="|".join(plan.published_models) or "none",
    conda:
        "../envs/train.yaml"
    params:
        model=lambda w: plan.settings(plan.model(w.model)),
        row=lambda w: plan.released_row(w.model),
    message:
        "released weights {params.row[name]} as model {wildcards.model}"
    script:
        "../scripts/import_weights.py"


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
    wildcard_constraints:
        model="|".join(n for n in plan.weighted_models if n not in plan.published_models) or "none",
    # Long: begun as soon as the images are there, while shorter jobs fill the other cores.
    priority: 3
    conda:
        "../envs/train.yaml"
    threads: 2
    params:
        model=lambda w: plan.json(plan.model(w.model)),
        seed=lambda w: plan.model_seed(w.model),
        work=lambda w: f"{R}/work/pretrain/{w.model}",
        # Snakemake does not remember parameters made of resources, so another number of processes reruns nothing.
        launcher=told(lambda w, resources, threads: plan.launcher(w.model, resources, threads)),
    message:
        "model {wildcards.model}"
    # In place of the shell, which would die of a signal before the training has saved.
    shell:
        'exec {params.launcher}python "$SCRIPTS"/pretrain_model.py --name {wildcards.model} --model {params.model:q}'
        " --index {input.index:q} --statistics {input.statistics:q} --seed {params.seed} --threads {threads}"
        ' --runtime "$RUNTIME" --work {params.work:q} --out-weights {output.weights:q} --log {log:q}'


rule pretrain:
    input:
        expand(f"{R}/models/{{model}}/weights.safetensors", model=plan.weighted_models),
