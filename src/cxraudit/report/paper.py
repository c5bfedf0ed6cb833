"""The study's table and bar charts as one page, with files beside it."""

from pathlib import Path

import jinja2
import pandas as pd

from cxraudit.figures.paper import drain_bars, subgroup_bars
from cxraudit.figures.style import save, svg
from cxraudit.files import package_version, write_table, write_text
from cxraudit.names import attribute_name
from cxraudit.paper.conclusions import sentences
from cxraudit.tables.paper import as_latex, zeroshot_table

CAPTION = "AUROC and adjusted AUPRC of zero-shot classification, with 95 % intervals."


def write_paper(
    numbers: pd.DataFrame, out: Path, *, title: str, intro: str, compared: pd.DataFrame | None = None,
    conclude: bool = False,
) -> Path:  # fmt: skip
    """Write the study's table (HTML, LaTeX), its bar charts (SVG, PNG) and the numbers behind them.

    Parameters
    ----------
    numbers : pandas.DataFrame
        See `cxraudit.paper.numbers.COLUMNS`.
    out : pathlib.Path
        Folder for ``paper.html``, ``numbers.csv``, ``zeroshot-*.tex`` and ``figures/``.
    title, intro : str
        What the page is called, and what it shows.
    compared : pandas.DataFrame, optional
        From `cxraudit.paper.numbers.compare`; shown first.
    conclude : bool
        Whether to say what follows from the numbers.
    """
    write_table(numbers, out / "numbers.csv")
    sections = []
    if compared is not None:
        write_table(compared, out / "compare.csv")
        shown = compared.round({"ours": 3, "difference": 2})
        agree = f"{int(compared['agrees'].sum())} of {len(compared)}"
        sections.append(
            {
                "title": "Ours beside the published", "table": shown.to_html(index=False, border=0),
                "figures": [],
                "note": f"{agree} numbers agree: each lies within the interval of the other.",
            }
        )  # fmt: skip
    for dataset in dict.fromkeys(numbers["dataset"]):
        mine = numbers[numbers["dataset"] == dataset]
        table = zeroshot_table(numbers, dataset=str(dataset))
        write_text(
            out / f"zeroshot-{dataset}.tex",
            as_latex(table, caption=CAPTION, label=f"tab:zeroshot-{dataset}"),
        )
        sections.append(
            {
                "title": f"Zero-shot performance on {dataset}",
                "table": table.to_html(index=False, border=0), "figures": [], "note": CAPTION,
            }
        )  # fmt: skip
        attributes = [a for a in dict.fromkeys(mine["attribute"]) if a != "all"]
        for attribute in attributes:
            drawn = {
                metric: drain_bars(mine, metric)
                if attribute == "drain"
                else subgroup_bars(mine, str(attribute), metric)
                for metric in ("auroc", "adjusted_auprc")
            }
            for metric, figure in drawn.items():
                save(figure, out / "figures", f"{dataset}-{attribute}-{metric}")
            sections.append(
                {
                    "title": f"By {attribute_name(str(attribute))} on {dataset}", "table": "",
                    "figures": [svg(figure) for figure in drawn.values()],
                    "note": "Bars are values, lines 95 % intervals over films, as published: too narrow "
                    "where patients have several films.",
                }
            )  # fmt: skip
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("cxraudit.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )
    html = environment.get_template("paper.html.j2").render(
        title=title, intro=intro, sections=sections, version=package_version(),
        sentences=sentences(numbers) if conclude else [],
    )  # fmt: skip
    return write_text(out / "paper.html", html)
