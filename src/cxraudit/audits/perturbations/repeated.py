"""Images that one edit was applied to several times, as generators draw several samples."""

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from cxraudit.audits.perturbations.counterfactual import limits
from cxraudit.edits import is_own

_KEY = ["model", "prompt_set", "finding", "perturbation", "image_id"]


def averaged(table: pd.DataFrame) -> pd.DataFrame:
    """Give an image that one of the user's edits was applied to several times one score: the mean.

    Probabilities are averaged as log odds, the scale on which changes are measured: those of exactly 0 and 1
    as the most extreme of the others. Samples without a score, which the edit left as they were, are left
    out of it where there are others.

    Parameters
    ----------
    table : pandas.DataFrame
        Scores of perturbed images; see `cxraudit.schema.PERTURBED_COLUMNS`.

    Returns
    -------
    pandas.DataFrame
        The same table where nothing is repeated.
    """
    own = is_own(table)
    repeated = own & table.duplicated(_KEY, keep=False)
    if not repeated.any():
        return table
    parts = [table[~repeated]]
    of_scores = [table["model"], table["prompt_set"], table["finding"]]
    low, high = (
        table["score"].where(own).groupby(of_scores).transform(one) for one in ("min", "max")
    )
    probability = ((low >= 0) & (high <= 1))[repeated]
    ends = {
        name: limits(part.to_numpy())
        for name, part in table["score"].where(own).groupby(of_scores, observed=True)
    }
    keys = zip(*(one[repeated] for one in of_scores), strict=True)
    least, most = np.array([ends[key] for key in keys]).T
    again = table[repeated]
    scores = again["score"].to_numpy(dtype=np.float64)
    linear = np.where(probability, logit(np.clip(scores, least, most)), scores)
    mean = again.assign(score=linear, probability=probability).groupby(_KEY, sort=False)
    first = mean.first()
    one = mean["score"].mean()
    score = one.where(~first["probability"], expit(one))
    parts.append(first.assign(score=score).reset_index()[list(table.columns)])
    return pd.concat(parts, ignore_index=True)
