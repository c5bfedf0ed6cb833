"""What a reader has to know of the scores themselves: constant ones, and models that rank alike."""

from dataclasses import dataclass

import pandas as pd

from cxraudit.audits.model_comparison import named_alike
from cxraudit.notices import Notice
from cxraudit.schema import OVERALL, Analysis, Reason, has_reason, is_level, records


@dataclass(frozen=True, slots=True)
class Alike:
    """Two models that rank the images of some findings identically."""

    reason: Reason
    """`Reason.IDENTICAL_SCORES` or `Reason.IDENTICAL_RANKING`."""
    models: tuple[str, str]
    n_images: dict[str, int | None]
    """Finding → images that both scored; None where small cells are hidden."""

    @property
    def sentence(self) -> str:
        """Name them, without a full stop."""
        return named_alike(self.reason, *self.models, self.n_images)


def alike_models(results: pd.DataFrame) -> list[Alike]:
    """Return the pairs of models that a results table finds alike."""
    rows = results[
        (results["analysis"] == Analysis.MODELS)
        & (results["attribute"] == OVERALL)
        & (results["metric"] == "auroc")
    ]
    return [
        Alike(reason, (str(model), str(other)), {row["finding"]: row["n"] for row in records(part)})
        for reason in (Reason.IDENTICAL_SCORES, Reason.IDENTICAL_RANKING)
        for (model, other), part in rows[has_reason(rows, reason)].groupby(
            ["model", "reference"], sort=False
        )
    ]


def score_notices(results: pd.DataFrame) -> list[Notice]:
    """Name the models that give all images of a finding one score, and models that are alike.

    Parameters
    ----------
    results : pandas.DataFrame
        A results table; see `cxraudit.schema.RESULT_COLUMNS`.
    """
    levels = results[
        (results["analysis"] == Analysis.SUBGROUPS)
        & (results["attribute"] == OVERALL)
        & (results["metric"] == "auroc")
        & is_level(results)
    ]
    constant = [
        Notice(
            about=f"scores of {row['model']}",
            count=row["n"],
            sentence=f"All {row['n']:,} scores for {row['finding']} are equal: they rank nothing, and "
            "every AUROC is exactly 0.5.",
        )
        for row in records(levels[has_reason(levels, Reason.CONSTANT_SCORES)])
    ]
    alike = [
        Notice(about="models", count=len(one.n_images), sentence=f"{one.sentence}.")
        for one in alike_models(results)
    ]
    return constant + alike
