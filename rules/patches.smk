# What: the pixels of a shard of sites, and the dataset that the shards make together.
from greenup.patches.repair import settle

# Shards that `repair` moved aside and that came out as they were get their time stamps back. Before the jobs are planned,
# because Snakemake stamps the outputs of a job anew when it has ended; and by no job, beside which others may run.
if workflow.is_main_process:
    settle(R)


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
    # What takes longest comes first, so that no core waits for it at the end: images, then trainings.
    priority: 1
    conda:
        "../envs/earthengine.yaml"
    params:
        recipe=2,
        imagery=lambda w: plan.json(plan.dataset(w.dataset).imagery),
        patches=lambda w: plan.json(plan.dataset(w.dataset).patches),
        min_images=lambda w: plan.dataset(w.dataset).scenes.min_images,
        work=lambda w: f"{R}/work/patches/{w.dataset}/{w.shard}",
    message:
        "patches of {wildcards.dataset}, shard {wildcards.shard}"
    shell:
        'python "$SCRIPTS"/export_patches.py --sites {input.sites:q} --scenes {input.scenes:q}'
        " --shard {wildcards.shard}"
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
        stac_items=f"{R}/datasets/{{dataset}}/items.parquet",
    log:
        f"{R}/logs/describe_dataset/{{dataset}}.log",
    benchmark:
        f"{R}/benchmarks/patches/describe_dataset.{{dataset}}.tsv"
    priority: 2
    conda:
        "../envs/geo.yaml"
    threads: 4
    params:
        dataset=lambda w: plan.settings(plan.dataset(w.dataset)),
        work=f"{R}/work/patches/{{dataset}}",
    message:
        "dataset {wildcards.dataset}"
    script:
        "../scripts/describe_dataset.py"


rule quality_report:
    input:
        unpack(lambda w: plan.dataset_files(w.dataset)),
        sites=f"{R}/sites/{{dataset}}.parquet",
        coverage=f"{R}/coverage/{{dataset}}.csv",
        scenes=lambda w: plan.shard_files(w.dataset, "scenes/{dataset}/{shard}.parquet"),
        ledgers=lambda w: plan.shard_files(w.dataset, "patches/{dataset}/{shard}.ledger.parquet"),
    output:
        page=f"{R}/datasets/{{dataset}}/quality.html",
        sheet=report(
            f"{R}/datasets/{{dataset}}/quality/contact_sheet.jpg",
            caption="report/contact_sheet.rst",
            category="Figures",
            labels={"figure": "images of {dataset}"},
        ),
        png=plan.quality_figures("png"),
        pdf=plan.quality_figures("pdf"),
        csv=plan.quality_figures("csv"),
    log:
        f"{R}/logs/quality_report/{{dataset}}.log",
    benchmark:
        f"{R}/benchmarks/patches/quality_report.{{dataset}}.tsv"
    conda:
        "../envs/figures.yaml"
    params:
        patches=lambda w: plan.settings(plan.dataset(w.dataset).patches),
        seed=study.seed,
        simulated=lambda w: plan.is_simulated(w.dataset),
    message:
        "quality report of {wildcards.dataset}"
    script:
        "../scripts/quality_report.py"


# The dataset as folders of SSL4EO-S12's layout, one GeoTIFF a band. The images lie undeclared beside contents.csv, which
# is written last, so that an interrupted job goes on where it was. Not made unless asked for by name.
rule write_layout:
    input:
        unpack(lambda w: plan.dataset_files(w.dataset)),
    output:
        contents=f"{R}/layouts/ssl4eo_s12/{{dataset}}/contents.csv",
    log:
        f"{R}/logs/write_layout/{{dataset}}.log",
    benchmark:
        f"{R}/benchmarks/patches/write_layout.{{dataset}}.tsv"
    conda:
        "../envs/geo.yaml"
    threads: 4
    params:
        recipe=1,
        out=lambda w, output: str(Path(output.contents).parent),
    message:
        "{wildcards.dataset} in the layout of SSL4EO-S12"
    shell:
        'python "$SCRIPTS"/write_layout.py --index {input.index:q} --out {params.out:q}'
        " --threads {threads} --log {log:q}"


rule patches:
    input:
        lambda w: plan.patches_wanted,


# Check every checksum of the patches on disk, and what tables and pixel files say against each other.
rule verify:
    log:
        f"{R}/logs/verify.log",
    localrule: True
    conda:
        "../envs/geo.yaml"
    threads: 8
    params:
        root=R,
        datasets=plan.patches_configured,
    shell:
        'python "$SCRIPTS"/verify_patches.py {params.root:q} --datasets {params.datasets:q} --workers {threads}'
        " --report {params.root:q}/verify.csv --log {log:q}"


# Move damaged shards aside, so that the next run makes exactly those again.
rule repair:
    log:
        f"{R}/logs/repair.log",
    localrule: True
    conda:
        "../envs/geo.yaml"
    threads: 8
    params:
        root=R,
        datasets=plan.patches_configured,
    shell:
        'python "$SCRIPTS"/verify_patches.py {params.root:q} --repair --datasets {params.datasets:q}'
        " --workers {threads} --report {params.root:q}/verify.csv --log {log:q}"
