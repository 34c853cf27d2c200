# Made from mosaic.md by make tangle; edit that.
"""Make the mosaics: snakemake -j N, with N cores; the settings are in config.toml."""

import sys
from pathlib import Path
from shlex import quote

sys.path.insert(0, str(workflow.basedir))
from smalti import workflow as planning

plan = planning.begin("config.toml", config, workflow)
data = plan.data
shell.prefix(f"PATH={quote(str(Path(sys.executable).parent))}:$PATH; ")


rule all:
    input:
        "mosaic_nearest.jpg",
        "mosaic_unique.jpg",
        plan.anew,


if plan.paint:

    rule paint:
        output:
            plan.lists,
        log:
            f"{data}/log/paint.log",
        benchmark:
            f"{data}/benchmarks/paint.tsv"
        threads: workflow.cores
        shell:
            "python data/cats.py data/cats --workers {threads}"
            " && mosaic list data/cats {output:q} > {log:q} 2>&1"


rule thumbnails:
    input:
        list=f"{data}/lists/{{part}}.jsonl",
        code=plan.code,
    output:
        f"{data}/parts/{{part}}.h5",
    log:
        f"{data}/log/thumbnails-{{part}}.log",
    benchmark:
        f"{data}/benchmarks/thumbnails-{{part}}.tsv"
    resources:
        mem_mb=planning.memory(plan, "thumbnails"),
        runtime=60,
    params:
        photos=lambda wildcards: plan.photos,
        options=planning.store_options(plan),
    shell:
        "mosaic thumbnails {params.photos:q} {output:q} --list {input.list:q}"
        " {params.options} --workers {threads} > {log:q} 2>&1"


rule store:
    input:
        parts=expand("{data}/parts/{part}.h5", data=data, part=plan.parts),
        code=plan.code,
    output:
        f"{data}/thumbnails.h5",
    log:
        f"{data}/log/store.log",
    benchmark:
        f"{data}/benchmarks/store.tsv"
    resources:
        mem_mb=planning.memory(plan, "store"),
    shell:
        "mosaic merge {output:q} {input.parts:q} > {log:q} 2>&1"


rule match:
    input:
        store=rules.store.output,
        images=plan.images,
        tables=lambda wildcards: planning.tables(plan, wildcards.method),
        code=plan.code + plan.chapters,
    output:
        table=f"{data}/matches_{{method}}.tab",
        report=f"{data}/matches_{{method}}.json",
    log:
        f"{data}/log/match_{{method}}.log",
    benchmark:
        f"{data}/benchmarks/match_{{method}}.tsv"
    wildcard_constraints:
        method="nearest|unique",
    resources:
        mem_mb=planning.memory(plan, "match"),
        runtime=60,
    params:
        options=lambda wildcards: planning.match_options(plan, wildcards.method),
    shell:
        "mosaic match {input.store:q} {output.table:q} {params.options} > {log:q} 2>&1"


rule paste:
    input:
        store=rules.store.output,
        table=rules.match.output.table,
        code=plan.code + plan.chapters,
    output:
        mosaic="mosaic_{method}.jpg",
        report="mosaic_{method}.json",
    log:
        f"{data}/log/paste_{{method}}.log",
    benchmark:
        f"{data}/benchmarks/paste_{{method}}.tsv"
    resources:
        mem_mb=planning.memory(plan, "paste"),
    params:
        options=planning.paste_options(plan),
    shell:
        "mosaic paste {input.store:q} {input.table:q} {output.mosaic:q}"
        " {params.options} > {log:q} 2>&1"


include: "smalti/further.smk"
