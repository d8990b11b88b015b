# What: the pixels of a shard of sites, and the dataset that the shards make together.


rule export_patches:
    input:
        sites=f"{R}/sites/{{dataset}}.parquet",
        scenes=f"{R}/scenes/{{dataset}}/{{shard}}.parquet",
    output:
        pixels=f"{R}/patches/{{dataset}}/{{shard}}.h5",
        ledger=f"{R}/patches/{{dataset}}/{{shard}}.ledger.parquet",
    log:
        f"{R}/logs/export_patches/{{dataset}}/{{shard}}.log",
    benchmark:
        f"{R}/benchmarks/patches/export_patches.{{dataset}}.{{shard}}.tsv"
    conda:
        "../envs/earthengine.yaml"
    params:
        recipe=1,
        imagery=lambda w: plan.json(plan.dataset(w.dataset).imagery),
        patches=lambda w: plan.json(plan.dataset(w.dataset).patches),
        min_images=lambda w: plan.dataset(w.dataset).scenes.min_images,
        work=lambda w: f"{R}/work/patches/{w.dataset}/{w.shard}",
    message:
        "patches of {wildcards.dataset}, shard {wildcards.shard}"
    shell:
        'python "$SCRIPTS"/export_patches.py --sites {input.sites:q} --scenes {input.scenes:q}'
        " --imagery {params.imagery:q} --recipe {params.recipe} --patches {params.patches:q}"
        " --min-images {params.min_images}"
        ' --runtime "$RUNTIME" --work {params.work:q}'
        " --pixels {output.pixels:q} --ledger {output.ledger:q} --log {log:q}"


rule describe_dataset:
    input:
        sites=f"{R}/sites/{{dataset}}.parquet",
        ledgers=lambda w: plan.shard_files(w.dataset, "patches/{dataset}/{shard}.ledger.parquet"),
        pixels=lambda w: plan.shard_files(w.dataset, "patches/{dataset}/{shard}.h5"),
    output:
        index=f"{R}/datasets/{{dataset}}/index.parquet",
        statistics=f"{R}/datasets/{{dataset}}/statistics.json",
        card=f"{R}/datasets/{{dataset}}/README.md",
        collection=f"{R}/datasets/{{dataset}}/collection.json",
    log:
        f"{R}/logs/describe_dataset/{{dataset}}.log",
    benchmark:
        f"{R}/benchmarks/patches/describe_dataset.{{dataset}}.tsv"
    conda:
        "../envs/geo.yaml"
    params:
        dataset=lambda w: plan.settings(plan.dataset(w.dataset)),
    message:
        "dataset {wildcards.dataset}"
    script:
        "../scripts/describe_dataset.py"


rule patches:
    input:
        expand(f"{R}/datasets/{{dataset}}/index.parquet", dataset=plan.used),
        # Named here so that a shard moved aside by `repair` is made again though all that was made of it is there.
        [plan.shard_files(d, "patches/{dataset}/{shard}.h5") for d in plan.used],


# Check every checksum of the patches on disk.
rule verify:
    log:
        f"{R}/logs/verify.log",
    localrule: True
    conda:
        "../envs/geo.yaml"
    params:
        root=R,
    shell:
        'python "$SCRIPTS"/verify_patches.py {params.root:q} --log {log:q}'


# Move damaged shards aside, so that the next run makes exactly those again.
rule repair:
    log:
        f"{R}/logs/repair.log",
    localrule: True
    conda:
        "../envs/geo.yaml"
    params:
        root=R,
    shell:
        'python "$SCRIPTS"/verify_patches.py {params.root:q} --repair --log {log:q}'
