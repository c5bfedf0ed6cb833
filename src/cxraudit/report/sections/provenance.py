"""Provenance: settings, versions, inputs and commands."""

from markupsafe import Markup

from cxraudit.audits.result import Audit
from cxraudit.formatting import counted
from cxraudit.report.anchors import Anchor
from cxraudit.report.blocks import Code, Definitions, Section, muted
from cxraudit.report.sections.context import Context


def build(audit: Audit, context: Context) -> Section | None:
    """Show how the numbers came about, and where they are."""
    facts, manifest = context.facts, audit.manifest
    dataset = audit.facts["dataset"]
    license_ = dataset["license"] or "licence not stated"
    entries: list[tuple[str, str]] = [
        ("data set", f"{dataset['name']} {dataset['version']} ({license_})"),
        ("weighting", f"{facts.estimand}; analyses of embeddings count images"),
        *([("analysis plan", facts.plan)] if facts.plan else []),
        ("intervals", facts.resampling),
        ("operating point", f"{facts.operating_point}: {facts.tuning}"),
        ("margin", f"{facts.margin} (a difference in AUROC, TPR or FPR that would not matter)"),
        *([("small cells", facts.suppression)] if facts.suppression else []),
        *((name, str(version)) for name, version in manifest.get("versions", {}).items()),
        *(
            (name, Markup("{} <code>sha256 {}…</code>").format(file["path"], file["sha256"][:16]))
            for name, file in manifest.get("inputs", {}).items()
        ),
    ]
    commands = [str(command) for command in manifest.get("commands", [])]
    rows = counted(len(audit.results), "row")
    return Section(
        "Provenance",
        Anchor.PROVENANCE,
        [
            Definitions(entries),
            *([Code("\n".join(commands))] if commands else []),
            muted(f"Every number above is one of {rows} of results.parquet (also as CSV)."),
        ],
    )
