# Made from smalti/workflow.md by make tangle; edit that.
"""Rules for what is made of a mosaic; explained in workflow.md."""

kinds = ("html", "css", "js")
assets = [f"smalti/{page}.{kind}" for page in ("viewer", "page") for kind in kinds]
pages = ["smalti/sharp.py", "smalti/viewer.py", "smalti/page.py", *assets]


rule view:
    input:
        mosaic="mosaic_{method}.jpg",
        report="mosaic_{method}.json",
        store=rules.store.output,
        table=rules.match.output.table,
        images=plan.images,
        code=plan.code + plan.chapters + pages,
    output:
        "mosaic_{method}_view/index.html",
    log:
        f"{data}/log/view_{{method}}.log",
    benchmark:
        f"{data}/benchmarks/view_{{method}}.tsv"
    resources:
        mem_mb=1000,
    params:
        photos=lambda wildcards: plan.photos,
    shell:
        "mosaic view {input.mosaic:q} --image-path {params.photos:q} > {log:q} 2>&1"
