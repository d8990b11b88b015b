# Where: one row a site, in spatial order, cut into shards; and how the sites cover the land.


# A file of config/sources.csv. Where Snakemake itself runs: compute nodes of clusters seldom reach the internet.
rule fetch_source:
    output:
        ensure("data/sources/{source}/{file}", non_empty=True),
    log:
        f"{R}/logs/fetch_source/{{source}}/{{file}}.log",
    benchmark:
        f"{R}/benchmarks/sites/fetch_source.{{source}}.{{file}}.tsv"
    wildcard_constraints:
        source=r"\w+",
        file="[^/]+",
    retries: 3
    localrule: True
    conda:
        "../envs/geo.yaml"
    params:
        file=lambda w: plan.source_file(w.source, w.file),
    message:
        "{params.file[title]} from {params.file[url]}"
    script:
        "../scripts/fetch_source.py"


# What a published folder holds: sites and images, in one look.
rule list_published:
    input:
        lambda w: plan.published_inputs(w.dataset),
    output:
        f"{R}/published/{{dataset}}.parquet",
    log:
        f"{R}/logs/list_published/{{dataset}}.log",
    benchmark:
        f"{R}/benchmarks/sites/list_published.{{dataset}}.tsv"
    conda:
        "../envs/geo.yaml"
    params:
        imagery=lambda w: plan.listed(w.dataset),
    message:
        "folder of {wildcards.dataset}"
    script:
        "../scripts/list_published.py"


rule sample_sites:
    input:
        lambda w: plan.sites_inputs(w.dataset),
        published=lambda w: plan.sites_published(w.dataset),
        taken=lambda w: plan.sites_taken(w.dataset),
    output:
        f"{R}/sites/{{dataset}}.parquet",
    log:
        f"{R}/logs/sample_sites/{{dataset}}.log",
    benchmark:
        f"{R}/benchmarks/sites/sample_sites.{{dataset}}.tsv"
    conda:
        "../envs/geo.yaml"
    params:
        sites=lambda w: plan.settings(plan.dataset(w.dataset).sites),
        data=lambda w: plan.site_data(w.dataset),
        shards=lambda w: plan.dataset(w.dataset).shards,
        seed=study.seed,
    message:
        "sites of {wildcards.dataset}"
    script:
        "../scripts/sample_sites.py"


rule map_land:
    input:
        plan.land_inputs,
    output:
        f"{R}/coverage/land.parquet",
    log:
        f"{R}/logs/map_land.log",
    benchmark:
        f"{R}/benchmarks/sites/map_land.tsv"
    conda:
        "../envs/geo.yaml"
    params:
        regions=plan.regions,
        data=plan.site_data(),
    message:
        "land of the study"
    script:
        "../scripts/map_land.py"


rule measure_coverage:
    input:
        sites=f"{R}/sites/{{dataset}}.parquet",
        land=f"{R}/coverage/land.parquet",
        region=lambda w: plan.region_inputs(w.dataset),
    output:
        f"{R}/coverage/{{dataset}}.csv",
    log:
        f"{R}/logs/measure_coverage/{{dataset}}.log",
    benchmark:
        f"{R}/benchmarks/sites/measure_coverage.{{dataset}}.tsv"
    conda:
        "../envs/geo.yaml"
    params:
        region=lambda w: plan.region(w.dataset),
    message:
        "coverage of {wildcards.dataset}"
    script:
        "../scripts/measure_coverage.py"


rule sites:
    input:
        expand(f"{R}/sites/{{dataset}}.parquet", dataset=study.datasets),
        plan.coverage,
