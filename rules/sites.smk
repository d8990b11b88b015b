# Where: one row a site, in spatial order, cut into shards.


rule sample_sites:
    input:
        lambda w: plan.sites_inputs(w.dataset),
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
        shards=lambda w: plan.dataset(w.dataset).shards,
        seed=study.seed,
    message:
        "sites of {wildcards.dataset}"
    script:
        "../scripts/sample_sites.py"


rule sites:
    input:
        expand(f"{R}/sites/{{dataset}}.parquet", dataset=study.datasets),
