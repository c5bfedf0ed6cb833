"""Audit the fairness and robustness of image–text models for chest X-rays.

Everything the command line does can be done in Python with these names; see docs/reference/python.md.
They are imported on first use, so that ``import cxraudit`` and the command line stay fast, and an audit
of scores never imports torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING

_PUBLIC = {
    "METRICS": ("cxraudit.metrics", "METRICS"),
    "Analysis": ("cxraudit.schema", "Analysis"),
    "AnalysisPlan": ("cxraudit.analysis_plan", "AnalysisPlan"),
    "Audit": ("cxraudit.audits.result", "Audit"),
    "AuditSettings": ("cxraudit.settings", "AuditSettings"),
    "Dataset": ("cxraudit.datasets.base", "Dataset"),
    "Diff": ("cxraudit.audits.changes.run", "Diff"),
    "EmbeddingStore": ("cxraudit.store", "EmbeddingStore"),
    "Estimate": ("cxraudit.stats.estimate", "Estimate"),
    "Gap": ("cxraudit.stats.estimate", "Gap"),
    "GateResult": ("cxraudit.policy.judgement", "GateResult"),
    "Heads": ("cxraudit.audits.embeddings.heads", "Heads"),
    "ImageTextModel": ("cxraudit.models.base", "ImageTextModel"),
    "ModelCard": ("cxraudit.models.base", "ModelCard"),
    "ModelEmbeddings": ("cxraudit.audits.embeddings", "ModelEmbeddings"),
    "PhantomSpec": ("cxraudit.phantom.spec", "PhantomSpec"),
    "Policy": ("cxraudit.policy.rules", "Policy"),
    "PromptPair": ("cxraudit.audits.embeddings", "PromptPair"),
    "PromptSet": ("cxraudit.prompts", "PromptSet"),
    "Reason": ("cxraudit.schema", "Reason"),
    "StudyAssumptions": ("cxraudit.planning.settings", "StudyAssumptions"),
    "StudyGoals": ("cxraudit.planning.settings", "StudyGoals"),
    "Verdict": ("cxraudit.stats.estimate", "Verdict"),
    "adjusted_auprc": ("cxraudit.stats.ranking", "adjusted_auprc"),
    "adjusted_auprc_interval": ("cxraudit.stats.intervals", "adjusted_auprc_interval"),
    "audit": ("cxraudit.audits.run", "audit"),
    "audit_embeddings": ("cxraudit.audits.embeddings", "audit_embeddings"),
    "audit_files": ("cxraudit.steps", "audit_files"),
    "audit_perturbations": ("cxraudit.audits.perturbations", "audit_perturbations"),
    "auroc": ("cxraudit.stats.ranking", "auroc"),
    "auroc_gap": ("cxraudit.stats.intervals", "auroc_gap"),
    "auroc_interval": ("cxraudit.stats.intervals", "auroc_interval"),
    "average_precision": ("cxraudit.stats.ranking", "average_precision"),
    "average_precision_at": ("cxraudit.stats.ranking", "average_precision_at"),
    "average_precision_interval": ("cxraudit.stats.intervals", "average_precision_interval"),
    "diff": ("cxraudit.audits.changes.run", "diff"),
    "draft_run_file": ("cxraudit.draft", "draft_run_file"),
    "encode_images": ("cxraudit.encode", "encode_images"),
    "fit_heads": ("cxraudit.audits.embeddings.heads", "fit_heads"),
    "gate": ("cxraudit.policy.judgement", "gate"),
    "label_conclusions": ("cxraudit.audits.two_labels.conclusions", "label_conclusions"),
    "load_dataset": ("cxraudit.datasets", "load"),
    "load_image_model": ("cxraudit.models", "load_image_model"),
    "load_model": ("cxraudit.models", "load"),
    "load_prompts": ("cxraudit.prompts", "load"),
    "load_wordings": ("cxraudit.prompts.wordings", "load_wordings"),
    "make_plan": ("cxraudit.analysis_plan", "make_plan"),
    "open_audit": ("cxraudit.audits.result", "open_audit"),
    "pair_scores": ("cxraudit.audits.pair_scores", "pair_scores"),
    "perturb_image": ("cxraudit.perturb", "perturb"),
    "perturb_images": ("cxraudit.scoring", "perturb_images"),
    "plan_files": ("cxraudit.steps", "plan_files"),
    "plan_from_pilot": ("cxraudit.planning.study", "plan_from_pilot"),
    "plan_study": ("cxraudit.planning.study", "plan_study"),
    "read_embeddings": ("cxraudit.steps", "read_embeddings"),
    "read_masks": ("cxraudit.masks", "read_masks"),
    "read_plan": ("cxraudit.analysis_plan", "read_plan"),
    "read_policy": ("cxraudit.policy.rules", "read_policy"),
    "read_prompt_vectors": ("cxraudit.vectors", "read_prompt_vectors"),
    "read_reference_labels": ("cxraudit.datasets.reference_labels", "read_reference_labels"),
    "read_vectors": ("cxraudit.vectors", "read_vectors"),
    "score": ("cxraudit.scoring", "score"),
    "score_pairs": ("cxraudit.scoring", "score_pairs"),
    "table_dataset": ("cxraudit.datasets.table", "from_frame"),
    "wide_scores": ("cxraudit.audits.scores", "scores_from_wide"),
    "write_card": ("cxraudit.cards", "write_card"),
    "write_checklist": ("cxraudit.cards", "write_checklist"),
    "write_figures": ("cxraudit.report", "write_figures"),
    "write_phantom": ("cxraudit.phantom.releases", "write_release"),
    "write_report": ("cxraudit.report", "write_report"),
    "write_summary": ("cxraudit.report.summary", "write_summary"),
    "zero_shot_scores": ("cxraudit.zeroshot", "zero_shot_scores"),
}
"""Public name → its module and its name there."""

if TYPE_CHECKING:
    from cxraudit.analysis_plan import AnalysisPlan as AnalysisPlan
    from cxraudit.analysis_plan import make_plan as make_plan
    from cxraudit.analysis_plan import read_plan as read_plan
    from cxraudit.audits.changes.run import Diff as Diff
    from cxraudit.audits.changes.run import diff as diff
    from cxraudit.audits.embeddings import ModelEmbeddings as ModelEmbeddings
    from cxraudit.audits.embeddings import PromptPair as PromptPair
    from cxraudit.audits.embeddings import audit_embeddings as audit_embeddings
    from cxraudit.audits.embeddings.heads import Heads as Heads
    from cxraudit.audits.embeddings.heads import fit_heads as fit_heads
    from cxraudit.audits.pair_scores import pair_scores as pair_scores
    from cxraudit.audits.perturbations import audit_perturbations as audit_perturbations
    from cxraudit.audits.result import Audit as Audit
    from cxraudit.audits.result import open_audit as open_audit
    from cxraudit.audits.run import audit as audit
    from cxraudit.audits.scores import scores_from_wide as wide_scores
    from cxraudit.audits.two_labels.conclusions import label_conclusions as label_conclusions
    from cxraudit.cards import write_card as write_card
    from cxraudit.cards import write_checklist as write_checklist
    from cxraudit.datasets import load as load_dataset
    from cxraudit.datasets.base import Dataset as Dataset
    from cxraudit.datasets.reference_labels import (
        read_reference_labels as read_reference_labels,
    )
    from cxraudit.datasets.table import from_frame as table_dataset
    from cxraudit.draft import draft_run_file as draft_run_file
    from cxraudit.encode import encode_images as encode_images
    from cxraudit.masks import read_masks as read_masks
    from cxraudit.metrics import METRICS as METRICS
    from cxraudit.models import load as load_model
    from cxraudit.models import load_image_model as load_image_model
    from cxraudit.models.base import ImageTextModel as ImageTextModel
    from cxraudit.models.base import ModelCard as ModelCard
    from cxraudit.perturb import perturb as perturb_image
    from cxraudit.phantom.releases import write_release as write_phantom
    from cxraudit.phantom.spec import PhantomSpec as PhantomSpec
    from cxraudit.planning.settings import StudyAssumptions as StudyAssumptions
    from cxraudit.planning.settings import StudyGoals as StudyGoals
    from cxraudit.planning.study import plan_from_pilot as plan_from_pilot
    from cxraudit.planning.study import plan_study as plan_study
    from cxraudit.policy.judgement import GateResult as GateResult
    from cxraudit.policy.judgement import gate as gate
    from cxraudit.policy.rules import Policy as Policy
    from cxraudit.policy.rules import read_policy as read_policy
    from cxraudit.prompts import PromptSet as PromptSet
    from cxraudit.prompts import load as load_prompts
    from cxraudit.prompts.wordings import load_wordings as load_wordings
    from cxraudit.report import write_figures as write_figures
    from cxraudit.report import write_report as write_report
    from cxraudit.report.summary import write_summary as write_summary
    from cxraudit.schema import Analysis as Analysis
    from cxraudit.schema import Reason as Reason
    from cxraudit.scoring import perturb_images as perturb_images
    from cxraudit.scoring import score as score
    from cxraudit.scoring import score_pairs as score_pairs
    from cxraudit.settings import AuditSettings as AuditSettings
    from cxraudit.stats.estimate import Estimate as Estimate
    from cxraudit.stats.estimate import Gap as Gap
    from cxraudit.stats.estimate import Verdict as Verdict
    from cxraudit.stats.intervals import adjusted_auprc_interval as adjusted_auprc_interval
    from cxraudit.stats.intervals import auroc_gap as auroc_gap
    from cxraudit.stats.intervals import auroc_interval as auroc_interval
    from cxraudit.stats.intervals import average_precision_interval as average_precision_interval
    from cxraudit.stats.ranking import adjusted_auprc as adjusted_auprc
    from cxraudit.stats.ranking import auroc as auroc
    from cxraudit.stats.ranking import average_precision as average_precision
    from cxraudit.stats.ranking import average_precision_at as average_precision_at
    from cxraudit.steps import audit_files as audit_files
    from cxraudit.steps import plan_files as plan_files
    from cxraudit.steps import read_embeddings as read_embeddings
    from cxraudit.store import EmbeddingStore as EmbeddingStore
    from cxraudit.vectors import read_prompt_vectors as read_prompt_vectors
    from cxraudit.vectors import read_vectors as read_vectors
    from cxraudit.zeroshot import zero_shot_scores as zero_shot_scores

__all__ = [
    "METRICS",
    "Analysis",
    "AnalysisPlan",
    "Audit",
    "AuditSettings",
    "Dataset",
    "Diff",
    "EmbeddingStore",
    "Estimate",
    "Gap",
    "GateResult",
    "Heads",
    "ImageTextModel",
    "ModelCard",
    "ModelEmbeddings",
    "PhantomSpec",
    "Policy",
    "PromptPair",
    "PromptSet",
    "Reason",
    "StudyAssumptions",
    "StudyGoals",
    "Verdict",
    "adjusted_auprc",
    "adjusted_auprc_interval",
    "audit",
    "audit_embeddings",
    "audit_files",
    "audit_perturbations",
    "auroc",
    "auroc_gap",
    "auroc_interval",
    "average_precision",
    "average_precision_at",
    "average_precision_interval",
    "diff",
    "draft_run_file",
    "encode_images",
    "fit_heads",
    "gate",
    "label_conclusions",
    "load_dataset",
    "load_image_model",
    "load_model",
    "load_prompts",
    "load_wordings",
    "make_plan",
    "open_audit",
    "pair_scores",
    "perturb_image",
    "perturb_images",
    "plan_files",
    "plan_from_pilot",
    "plan_study",
    "read_embeddings",
    "read_masks",
    "read_plan",
    "read_policy",
    "read_prompt_vectors",
    "read_reference_labels",
    "read_vectors",
    "score",
    "score_pairs",
    "table_dataset",
    "wide_scores",
    "write_card",
    "write_checklist",
    "write_figures",
    "write_phantom",
    "write_report",
    "write_summary",
    "zero_shot_scores",
]


def __getattr__(name: str) -> object:
    """Import a public name on first use."""
    if name not in _PUBLIC:
        raise AttributeError(f"module 'cxraudit' has no attribute '{name}'")
    module, attribute = _PUBLIC[name]
    return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    return sorted(_PUBLIC)
