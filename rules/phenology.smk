# When: four dates a site from its vegetation, and the search intervals that the season rule makes of them.


rule date_phenology:
    input:
        sites=f"{R}/sites/{{dataset}}.parquet",
        product=lambda w: plan.phenology_inputs(w.dataset),
    output:
        phenology=f"{R}/phenology/{{dataset}}.parquet",
        curves=f"{R}/phenology/{{dataset}}.curves.parquet",
    log:
        f"{R}/logs/date_phenology/{{dataset}}.log",
    benchmark:
        f"{R}/benchmarks/phenology/date_phenology.{{dataset}}.tsv"
    conda:
        "../envs/earthengine.yaml"
    threads: 2
    params:
        phenology=lambda w: plan.settings(plan.dataset(w.dataset).phenology),
        imagery=lambda w: plan.settings(plan.dataset(w.dataset).imagery),
        years=lambda w: plan.dataset(w.dataset).scenes.years,
        seed=study.seed,
    message:
        "phenology of {wildcards.dataset}"
    script:
        "../scripts/date_phenology.py"


rule place_seasons:
    input:
        unpack(lambda w: plan.seasons_inputs(w.dataset)),
        sites=f"{R}/sites/{{dataset}}.parquet",
    output:
        f"{R}/seasons/{{dataset}}.parquet",
    log:
        f"{R}/logs/place_seasons/{{dataset}}.log",
    benchmark:
        f"{R}/benchmarks/phenology/place_seasons.{{dataset}}.tsv"
    conda:
        "../envs/geo.yaml"
    params:
        seasons=lambda w: plan.settings(plan.dataset(w.dataset).seasons),
        years=lambda w: plan.dataset(w.dataset).scenes.years,
        seed=study.seed,
    message:
        "seasons of {wildcards.dataset}"
    script:
        "../scripts/place_seasons.py"


rule phenology:
    input:
        expand(f"{R}/phenology/{{dataset}}.parquet", dataset=plan.phenology),
        expand(f"{R}/seasons/{{dataset}}.parquet", dataset=plan.imaged),
