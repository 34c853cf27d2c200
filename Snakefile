# ~/~ begin <<mosaic.md#Snakefile>>[init]
"""Make the mosaics: snakemake -j N, with N cores; the settings are in config.toml."""

import shlex
import sys
from pathlib import Path

sys.path.insert(0, str(workflow.basedir))
import mosaic
from smalti import command, steps
from smalti.ground.settings import MosaicError, load_settings, options

everywhere = ("collection", "command", "steps", "ground/files", "ground/photos", "ground/settings")
code = ["mosaic.py", *(f"smalti/{name}.py" for name in everywhere)]
sometimes = ("demands", "features", "output", "placement", "ways")
chapters = [f"smalti/{name}.py" for name in sometimes]
try:
    settings = load_settings(mosaic.Settings, "config.toml", config)
    for name in ("method", "workers"):
        if getattr(settings, name) != getattr(mosaic.Settings(), name):
            raise MosaicError(f"{name} is no key of config.toml; leave it out")
    photos, data = list(settings.image_path), settings.data_path
    parts = [f"{i:03}" for i in range(settings.chunks)]
    lists = expand("{data}/lists/{part}.jsonl", data=data, part=parts)
    paint = photos == ["data/cats"] and not any(Path("data/cats").glob("*"))
    if workflow.is_main_process and not paint:
        steps.write_lists(command.describe_photos(photos), lists)
except MosaicError as error:
    print(f"mosaic: {error}", file=sys.stderr)
    sys.exit(2)
shell.prefix(f"PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH; ")


# ~/~ begin <<mosaic.md#rules>>[init]
rule all:
    input:
        "mosaic_nearest.jpg",
        "mosaic_unique.jpg",
# ~/~ end
# ~/~ begin <<mosaic.md#rules>>[1]


if paint:

    rule paint:
        output:
            lists,
        log:
            f"{data}/log/paint.log",
        benchmark:
            f"{data}/benchmark/paint.tsv"
        threads: workflow.cores
        resources:
            mem_mb=1000,
            runtime=30,
        params:
            photos=photos,
        shell:
            "(python data/cats.py {params.photos:q} --workers {threads}"
            " && python mosaic.py list {params.photos:q} {output:q}) > {log:q} 2>&1"
# ~/~ end
# ~/~ begin <<mosaic.md#rules>>[2]


rule thumbnails:
    input:
        list=f"{data}/lists/{{part}}.jsonl",
        code=code,
    output:
        f"{data}/parts/{{part}}.h5",
    log:
        f"{data}/log/thumbnails-{{part}}.log",
    benchmark:
        f"{data}/benchmark/thumbnails-{{part}}.tsv"
    threads: 1
    resources:
        mem_mb=500,
        runtime=60,
    params:
        photos=photos,
        options=options(settings, "thumb_res", "thumb_quality", "variants"),
    shell:
        "python mosaic.py thumbnails {params.photos:q} {output:q} --list {input.list:q}"
        " {params.options} --workers {threads} > {log:q} 2>&1"


rule store:
    input:
        parts=expand("{data}/parts/{part}.h5", data=data, part=parts),
        code=code,
    output:
        f"{data}/thumbnails.h5",
    log:
        f"{data}/log/store.log",
    benchmark:
        f"{data}/benchmark/store.tsv"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=30,
    shell:
        "python mosaic.py merge {output:q} {input.parts:q} > {log:q} 2>&1"
# ~/~ end
# ~/~ begin <<mosaic.md#rules>>[3]


rule match:
    input:
        store=rules.store.output,
        images=[path for path in (settings.target, settings.mask) if path],
        tables=lambda wildcards: [
            path
            for path in (settings.budgets, settings.pins)
            if path and wildcards.method == "unique"
        ],
        code=code + chapters,
    output:
        table=f"{data}/matches_{{method}}.tab",
        report=f"{data}/matches_{{method}}.json",
    log:
        f"{data}/log/match_{{method}}.log",
    benchmark:
        f"{data}/benchmark/match_{{method}}.tsv"
    wildcard_constraints:
        method="nearest|unique",
    threads: 1
    resources:
        mem_mb=5000 if settings.solver == "dense" else 1000,
        runtime=60,
    params:
        target=options(settings, "target", "target_id", "image_path"),
        grid=options(settings, *command.VIEW),
        compare=options(settings, *command.COMPARING),
        budget=lambda wildcards: (
            options(settings, *command.MATCHING)
            if wildcards.method == "unique"
            else options(settings, "dither", "spacing", "choices")
        ),
    shell:
        "python mosaic.py match {input.store:q} {output.table:q} --method {wildcards.method}"
        " {params.target} {params.grid} {params.compare} {params.budget} > {log:q} 2>&1"


rule paste:
    input:
        store=rules.store.output,
        table=rules.match.output.table,
        code=code + chapters,
    output:
        mosaic="mosaic_{method}.jpg",
        report="mosaic_{method}.json",
    log:
        f"{data}/log/paste_{{method}}.log",
    benchmark:
        f"{data}/benchmark/paste_{{method}}.tsv"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        finish=options(settings, *command.FINISHING),
    shell:
        "python mosaic.py paste {input.store:q} {input.table:q} {output.mosaic:q}"
        " {params.finish} > {log:q} 2>&1"
# ~/~ end
# ~/~ end