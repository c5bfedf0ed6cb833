"""What an audit contains on a question of a guideline or a field of a card: one function per key.

A function takes a `cxraudit.cards.subject.Subject` and returns an `Answer`, or None where the audit has
nothing on it.
"""

from collections.abc import Callable

from cxraudit.cards.answers import analysis, data, model, results
from cxraudit.cards.answers.answer import Answer
from cxraudit.cards.subject import Subject

ANSWERS: dict[str, Callable[[Subject], Answer | None]] = {
    function.__name__: function
    for function in (
        data.data_source,
        data.eligibility,
        data.flow,
        data.characteristics,
        data.labels,
        data.missing_data,
        data.indeterminate,
        data.events,
        data.prevalence,
        data.images,
        model.model_name,
        model.index_test,
        model.architecture,
        model.model_output,
        model.threshold,
        model.recalibration,
        model.preprocessing,
        model.training_overlap,
        model.training_data,
        model.partitions,
        analysis.design,
        analysis.statistics,
        analysis.performance_measures,
        analysis.uncertainty,
        analysis.variability,
        analysis.sample_size,
        analysis.fairness_methods,
        analysis.robustness,
        analysis.explanations,
        analysis.plan,
        analysis.software,
        analysis.stored_outputs,
        analysis.evaluation,
        results.accuracy,
        results.cross_tabulation,
        results.subgroups,
        results.failures,
        results.calibration,
        results.fairness_findings,
        results.limitations,
        results.margin_goal,
        results.overall_summary,
        results.fairness_summary,
        results.safety_summary,
    )
}
"""Key, as in the files of `cxraudit.cards.data` → function."""
