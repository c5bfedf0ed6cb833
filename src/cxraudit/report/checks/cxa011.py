"""CXA011: few patients with most of the images, on whom the results then rest."""

from cxraudit.audits.result import Audit
from cxraudit.formatting import counted, whole_percent
from cxraudit.report.checks.check import Check, State, attention_if
from cxraudit.report.facts import facts_of

TOO_MUCH = 0.3
"""Share of the images: more in the cohorts of `simulations.designs` whose intervals or tests are off."""


def check(audit: Audit) -> Check:
    """Say what share of the images is of the twentieth of the patients with most of them."""
    code, title = "CXA011", "Few patients with most of the images"
    few = audit.facts.get("largest_patients")
    if not few or facts_of(audit).by_patient_weight:
        detail = (
            "Patients are weighed, not images, or each has one image, or it is not known (or hidden) whose "
            "they are."
        )
        return Check(code, title, State.NOT_APPLICABLE, detail)
    other = facts_of(audit).other_weight
    patients = counted(few["patients"], "patient")
    whose = f"The {patients} (5 %) with most images have {whole_percent(few['share'])} of all"
    return attention_if(
        few["share"] > TOO_MUCH,
        code,
        title,
        detail=f"{whose}, so that results are much about them. In simulated cohorts like this, 95 % "
        "intervals covered 92 to 95 %, and tests and equivalence at 5 % erred in up to 8 %. Effective "
        f"patients say how few determine each error; compare with the results {other}.",
        otherwise=f"{whose}.",
    )
