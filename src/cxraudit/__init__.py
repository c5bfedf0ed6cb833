"""Audit the fairness and robustness of image–text models for chest X-rays.

The public names are imported on first use, so that ``import cxraudit`` and the command line stay
fast and an audit of scores never imports torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

_HOMES = {
    "Audit": "cxraudit.audits.run",
    "AuditSettings": "cxraudit.audits.cells",
    "Dataset": "cxraudit.datasets.base",
    "Estimate": "cxraudit.stats.estimate",
    "ImageTextModel": "cxraudit.models.base",
    "ModelCard": "cxraudit.models.base",
    "PhantomSpec": "cxraudit.phantom.spec",
    "PromptSet": "cxraudit.prompts",
    "Verdict": "cxraudit.stats.estimate",
    "adjusted_auprc": "cxraudit.stats.ranking",
    "audit": "cxraudit.audits.run",
    "auroc": "cxraudit.stats.ranking",
    "average_precision": "cxraudit.stats.ranking",
    "average_precision_at": "cxraudit.stats.ranking",
    "encode_images": "cxraudit.encode",
    "load_dataset": "cxraudit.datasets",
    "load_model": "cxraudit.models",
    "load_prompts": "cxraudit.prompts",
    "table_dataset": "cxraudit.datasets.table",
    "wide_scores": "cxraudit.audits.scores",
    "write_phantom": "cxraudit.phantom.releases",
    "write_report": "cxraudit.report",
    "zero_shot_scores": "cxraudit.zeroshot",
}
_ALIASES = {
    "load_dataset": "load",
    "load_model": "load",
    "load_prompts": "load",
    "table_dataset": "from_frame",
    "wide_scores": "scores_from_wide",
    "write_phantom": "write_release",
}

if TYPE_CHECKING:
    from cxraudit.audits.cells import AuditSettings as AuditSettings
    from cxraudit.audits.run import Audit as Audit
    from cxraudit.audits.run import audit as audit
    from cxraudit.audits.scores import scores_from_wide as wide_scores
    from cxraudit.datasets import load as load_dataset
    from cxraudit.datasets.base import Dataset as Dataset
    from cxraudit.datasets.table import from_frame as table_dataset
    from cxraudit.encode import encode_images as encode_images
    from cxraudit.models import load as load_model
    from cxraudit.models.base import ImageTextModel as ImageTextModel
    from cxraudit.models.base import ModelCard as ModelCard
    from cxraudit.phantom.releases import write_release as write_phantom
    from cxraudit.phantom.spec import PhantomSpec as PhantomSpec
    from cxraudit.prompts import PromptSet as PromptSet
    from cxraudit.prompts import load as load_prompts
    from cxraudit.report import write_report as write_report
    from cxraudit.stats.estimate import Estimate as Estimate
    from cxraudit.stats.estimate import Verdict as Verdict
    from cxraudit.stats.ranking import adjusted_auprc as adjusted_auprc
    from cxraudit.stats.ranking import auroc as auroc
    from cxraudit.stats.ranking import average_precision as average_precision
    from cxraudit.stats.ranking import average_precision_at as average_precision_at
    from cxraudit.zeroshot import zero_shot_scores as zero_shot_scores

__all__ = [
    "Audit",
    "AuditSettings",
    "Dataset",
    "Estimate",
    "ImageTextModel",
    "ModelCard",
    "PhantomSpec",
    "PromptSet",
    "Verdict",
    "adjusted_auprc",
    "audit",
    "auroc",
    "average_precision",
    "average_precision_at",
    "encode_images",
    "load_dataset",
    "load_model",
    "load_prompts",
    "table_dataset",
    "wide_scores",
    "write_phantom",
    "write_report",
    "zero_shot_scores",
]


def __getattr__(name: str) -> Any:
    """Import a public name on first use."""
    if name not in _HOMES:
        raise AttributeError(f"module 'cxraudit' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), _ALIASES.get(name, name))


def __dir__() -> list[str]:
    return list(__all__)
