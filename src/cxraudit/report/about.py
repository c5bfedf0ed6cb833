"""What only the people behind a model can state of it: one TOML file for summary, cards and checklists."""

from os import PathLike
from pathlib import Path

from cxraudit.files import read_toml
from cxraudit.validation import Described, Name, Names, validated

NOT_STATED = "not stated"
SEE = "cxraudit card --help"


class About(Described):
    """What is stated of a model and of the study; no data contain it, and nothing is filled in."""

    intended_use: Name = NOT_STATED
    """What the model is to be used for, by whom, and where in the workflow."""
    population: Name = NOT_STATED
    """Patients it is to be used on."""
    model_version: Name = NOT_STATED
    """Which release, weights and prompts."""
    responsible: Name = NOT_STATED
    """Who answers for its use."""
    monitoring: Name = NOT_STATED
    """How it will be watched and maintained in use."""

    developer: Name = NOT_STATED
    """Who made the model."""
    contact: Name = NOT_STATED
    """Where to send inquiries."""
    summary: Name = NOT_STATED
    """The model in a few sentences."""
    keywords: Names = ()
    """Words to find it by."""
    license: Name = NOT_STATED
    """Of the weights, as an identifier of SPDX where there is one."""
    language: Name = NOT_STATED
    """Of the texts it takes, as a code such as ``en``."""
    base_model: Name = NOT_STATED
    """Models it was made from."""
    repository: Name = NOT_STATED
    """Where code and weights are."""
    citation: Name = NOT_STATED
    """How to cite it, as BibTeX."""
    release_stage: Name = NOT_STATED
    """Research, pilot, in use …"""
    release_date: Name = NOT_STATED
    availability: Name = NOT_STATED
    """Where in the world it may be used."""
    regulatory_approval: Name = NOT_STATED
    """Clearances and marks, with numbers."""

    users: Name = NOT_STATED
    """Who uses it, with the expertise they need."""
    how_to_use: Name = NOT_STATED
    """From image to decision."""
    out_of_scope: Name = NOT_STATED
    """Settings and uses it is not for."""
    risks: Name = NOT_STATED
    """Known risks and limitations."""
    ethics: Name = NOT_STATED
    """Known biases and ethical considerations."""
    clinical_risk: Name = NOT_STATED
    """Level of risk, by which scheme."""

    architecture: Name = NOT_STATED
    """Kind of model and its structure."""
    input_data: Name = NOT_STATED
    """Where the images come from in use."""
    development_data: Name = NOT_STATED
    """What it was trained on: sources, sizes, patients, dates."""
    training: Name = NOT_STATED
    """How it was trained: initial weights, augmentation, hyperparameters, selection, ensembles."""
    bias_mitigation: Name = NOT_STATED
    """What was done about unequal performance, and about classes of unequal size."""
    security: Name = NOT_STATED
    transparency: Name = NOT_STATED
    """What users can learn of how it works, and how they report faults."""
    third_parties: Name = NOT_STATED
    """What others contribute to it."""
    stakeholders: Name = NOT_STATED
    """Who was consulted: patients, clinicians, the public."""
    emissions: Name = NOT_STATED
    """Hardware and hours of training, and carbon emitted."""

    usefulness_goal: Name = NOT_STATED
    """Which performance was to be reached."""
    fairness_goal: Name = NOT_STATED
    """Which equality of performance was to be reached."""
    safety_goal: Name = NOT_STATED
    """Which robustness and reliability was to be reached."""

    background: Name = NOT_STATED
    """Clinical problem, current practice, and known inequalities in care."""
    objectives: Name = NOT_STATED
    """Aims and hypotheses of the study."""
    study_design: Name = NOT_STATED
    """Whether data were collected before or after the study was planned, and its aim."""
    setting: Name = NOT_STATED
    """Sites, dates, and treatments that bear on the finding."""
    recruitment: Name = NOT_STATED
    """How patients were found and chosen, as consecutive, random or convenience series."""
    ethics_approval: Name = NOT_STATED
    """Committee, number, and consent or waiver."""
    de_identification: Name = NOT_STATED
    acquisition: Name = NOT_STATED
    """Devices, protocols, and preparation of the images before they came to the audit."""
    annotation: Name = NOT_STATED
    """Who labelled, with which qualification and tools, and how far they agreed."""
    reference_standard: Name = NOT_STATED
    """What the labels rest on, why this, and how blind they are to the score."""
    severity: Name = NOT_STATED
    """How severe the findings are, and which other diseases the other patients have."""
    time_interval: Name = NOT_STATED
    """Between image and reference standard."""
    adverse_events: Name = NOT_STATED
    sample_size: Name = NOT_STATED
    """How the size was determined."""
    missing_data: Name = NOT_STATED
    """How missing images, labels and attributes came about, and were handled before the audit."""
    explainability: Name = NOT_STATED
    """Methods of explanation, and how they were tested."""
    representativeness: Name = NOT_STATED
    """How cohort and development data differ from the patients of intended use, and from each other."""
    limitations: Name = NOT_STATED
    """Of the study."""
    implications: Name = NOT_STATED
    """For practice, and next steps."""
    registration: Name = NOT_STATED
    """Registry and number."""
    protocol: Name = NOT_STATED
    """Where it can be read."""
    publications: Name = NOT_STATED
    """Peer-reviewed work on the model."""
    clinical_trial: Name = NOT_STATED
    evaluation_references: Name = NOT_STATED
    """Other evaluations of it."""
    data_availability: Name = NOT_STATED
    code_availability: Name = NOT_STATED
    """Of code and model."""
    funding: Name = NOT_STATED
    """Sources, and the role of funders."""
    interests: Name = NOT_STATED
    """Commercial and other interests."""
    reimbursement: Name = NOT_STATED
    consent: Name = NOT_STATED
    """How patients are informed of its use, or consent to it."""

    def of(self, key: str) -> str:
        """Return what is stated under a key; empty if nothing is.

        Examples
        --------
        >>> About(funding="none").of("funding"), About().of("funding")
        ('none', '')
        """
        value = getattr(self, key)
        text = value if isinstance(value, str) else ", ".join(value)
        return "" if text == NOT_STATED else text


SUMMARISED = ("intended_use", "population", "model_version", "responsible", "monitoring")
"""Keys that the one-page summary shows."""


def read_about(file: str | PathLike[str]) -> About:
    """Read what is stated of a model.

    Raises
    ------
    ConfigError
        If the file is no TOML, or has other keys.
    """
    path = Path(file)
    return validated(
        About, read_toml(path, what="the file of what is stated of the model"), path, see=SEE
    )
