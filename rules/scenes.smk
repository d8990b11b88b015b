# Which: the scene that stands for each season of each site, a job a shard. A paired dataset waits for the other's shard.


rule choose_scenes:
    input:
        unpack(lambda w: plan.scenes_inputs(w.dataset, w.shard)),
        sites=f"{R}/sites/{{dataset}}.parquet",
    output:
        f"{R}/scenes/{{dataset}}/{{shard}}.parquet",
    log:
        f"{R}/logs/choose_scenes/{{dataset}}/{{shard}}.log",
    benchmark:
        f"{R}/benchmarks/scenes/choose_scenes.{{dataset}}.{{shard}}.tsv"
    conda:
        "../envs/earthengine.yaml"
    params:
        recipe=2,
        imagery=lambda w: plan.json(plan.dataset(w.dataset).imagery),
        scenes=lambda w: plan.json(plan.dataset(w.dataset).scenes),
        grid=lambda w: plan.grid(w.dataset),
    message:
        "scenes of {wildcards.dataset}, shard {wildcards.shard}"
    shell:
        'python "$SCRIPTS"/choose_scenes.py --sites {input.sites:q} --seasons {input.seasons:q}'
        " --shard {wildcards.shard} --imagery {params.imagery:q} --scene-rule {params.scenes:q} --grid {params.grid:q}"
        " --pair {input.pair:q} --published {input.published:q}"
        ' --runtime "$RUNTIME" --out {output:q} --log {log:q}'


# Thousands of files, and in what follows too: named by a function, which the many jobs that plan anew never call.
rule scenes:
    input:
        lambda w: [f for d in plan.used for f in plan.shard_files(d, "scenes/{dataset}/{shard}.parquet")],
