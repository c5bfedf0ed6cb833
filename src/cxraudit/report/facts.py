"""The facts of a run in the words that every section uses; no other module words a setting."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cxraudit.analysis_plan import ALWAYS_STATED, HASH_SHOWN, departure_in_words
from cxraudit.audits.result import Audit
from cxraudit.formatting import counted, equivalence_level, interval_name, listed, percent
from cxraudit.settings import OTHERS, rules_of
from cxraudit.stats.estimate import NAMED

NO_DEPARTURES = "no departures (which columns are read is no part of a plan)"


@dataclass(frozen=True, slots=True)
class Facts:
    """What a run recorded about itself, in words."""

    recorded: Mapping[str, Any]
    """See `cxraudit.audits.result.Audit.facts`."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """Options of the audit; see `cxraudit.settings.AuditSettings`."""
        return self.recorded["settings"]

    @property
    def dataset(self) -> str:
        """Name of the data set."""
        return str(self.recorded["dataset"]["name"])

    @property
    def counts(self) -> str:
        """Images and patients: ``1,811 images of 600 patients``."""
        images, patients = self.recorded["images"], self.recorded["patients"]
        if not self.recorded.get("patients_known", True):
            return f"{counted(images, 'image')} of unknown patients, taken as independent"
        return f"{counted(images, 'image')} of {counted(patients, 'patient')}"

    @property
    def estimand(self) -> str:
        """What counts once, or by a sampling weight: ``each image counts once``."""
        column = self.settings["sampling_weight"]
        counted_by = _counted(by_patient=self.by_patient_weight, sampled=bool(column))
        return f"{counted_by} (column {column})" if column else counted_by

    @property
    def drawn(self) -> str:
        """Whose values those of the results are: ``images drawn at random``."""
        sampled = bool(self.settings["sampling_weight"])
        if self.by_patient_weight:
            return (
                "one image of each patient, drawn in proportion to the sampling weights of the patient's "
                "images, patients counting by the mean of these"
                if sampled
                else "one image of each patient, drawn at random"
            )
        return (
            "images drawn in proportion to their sampling weights"
            if sampled
            else "images drawn at random"
        )

    @property
    def by_patient_weight(self) -> bool:
        """Whether patients are weighed, each with the same or by sampling weights."""
        return bool(self.settings["weight"] == "patient")

    @property
    def other_weight(self) -> str:
        """What the columns of the other weighting hold: ``if each patient counts once``."""
        sampled = bool(self.settings["sampling_weight"])
        return f"if {_counted(by_patient=not self.by_patient_weight, sampled=sampled)}"

    @property
    def level(self) -> float:
        """Confidence level of the intervals."""
        return float(self.settings["confidence_level"])

    @property
    def interval(self) -> str:
        """What an interval is called: ``95 % interval``."""
        return interval_name(self.level)

    @property
    def equivalence_interval(self) -> str:
        """The interval that decides equivalence: ``90 % interval`` at level 0.95."""
        return interval_name(equivalence_level(self.level))

    @property
    def alpha(self) -> str:
        """Level of the tests: ``0.05``."""
        return f"{1 - self.level:.4g}"

    @property
    def margin(self) -> str:
        """Margin of differences in AUROC, TPR and FPR: ``±0.05``."""
        return f"±{self.settings['margin']:g}"

    @property
    def resampling(self) -> str:
        """What was drawn and how intervals were made of it."""
        n, unit, seed = (self.settings[name] for name in ("n_resamples", "resample", "seed"))
        if not n:
            return f"none, so that nothing has an interval; seed {seed}"
        method = NAMED[self.settings["interval"]]
        return f"{n:,} resamples of {unit}, {percent(self.level)}, {method}; seed {seed}"

    @property
    def by_patient(self) -> bool:
        """Whether patients were resampled, not images."""
        return self.settings["resample"] == "patients"

    @property
    def has_operating_point(self) -> bool:
        """Whether thresholds or probabilities were evaluated."""
        return set(self._rules.values()) != {"none"} or self.settings["calibration"] != "none"

    @property
    def operating_point(self) -> str:
        """Rule of the threshold and kind of probabilities."""
        rules = self._rules
        others = rules.pop(OTHERS)
        named = [f"{rule} for {finding}" for finding, rule in rules.items()]
        if self.given:
            of = listed(list(dict.fromkeys(one["finding"] for one in self.given)))
            named.insert(0, f"given for {of}")
        if named:
            rest = len(self.given) < len(self.recorded.get("thresholds", ()))
            named += [f"{others} for others"] if rest or rules else []
            threshold = f"threshold {', '.join(named)}"
        else:
            threshold = "no threshold" if others == "none" else f"threshold {others}"
        calibration = self.settings["calibration"]
        probabilities = {
            "none": "no probabilities",
            "as is": "scores taken as probabilities",
            "platt": "probabilities by Platt's map",
        }[calibration]
        return f"{threshold}; {probabilities}"

    @property
    def given(self) -> Sequence[Mapping[str, Any]]:
        """The thresholds that the user gave: model, finding, threshold, source and patients of each."""
        rules = self._rules.values()
        return [one for one in self.recorded.get("thresholds", ()) if one["source"] not in rules]

    @property
    def _rules(self) -> dict[str, str]:
        """Finding → rule for its threshold, with that of all others."""
        return rules_of(self.settings["operating_point"])

    @property
    def tuning(self) -> str:
        """Whose images thresholds and maps were chosen on, and whose rates are given."""
        tuning = self.recorded["tuning"]
        if tuning["evaluated"] is None:
            return "chosen on some patients; the other patients are evaluated (their numbers are hidden)"
        evaluated = counted(tuning["evaluated"], "patient")
        everyone = counted(tuning["evaluated"] + tuning["patients"], "patient")
        if self.given and tuning["held_out"]:
            chosen = counted(tuning["patients"], "patient")
            return (
                f"rates at given thresholds are those of all {everyone}; what was chosen on data was chosen "
                f"on {chosen}, and the other {evaluated} are evaluated"
            )
        if not tuning["held_out"]:
            return f"nothing had to be chosen on data, so that all {evaluated} are evaluated"
        chosen = counted(tuning["patients"], "patient")
        return f"chosen on {chosen}; the other {evaluated} are evaluated"

    @property
    def plan(self) -> str:
        """When the analysis was planned, and each departure from the plan; empty if it was not."""
        plan = self.recorded.get("plan")
        if not plan:
            return ""
        head = f"analysis planned on {plan['date']} (hash {plan['sha256'][:HASH_SHOWN]}…)"
        lacking = [
            f"{what} {listed(names)} planned and not in the data"
            for what, names in plan["missing"].items()
            if names
        ]
        departures = list(map(departure_in_words, plan["departures"]))
        reason = f" (reason: {plan['reason']})" if departures else ""
        departs = f"departures: {'; '.join(departures)}{reason}" if departures else NO_DEPARTURES
        not_planned = [ALWAYS_STATED[name] for name in plan.get("not_planned", ())]
        left_open = [f"not planned: {listed(not_planned)}"] if not_planned else []
        return "; ".join([f"{head}, {departs}", *left_open, *lacking])

    @property
    def perturbed_images(self) -> str:
        """How many images were perturbed: ``400 images``."""
        n_images = (self.recorded.get("perturbed") or {}).get("images", 0)
        return "A hidden number of images" if n_images is None else counted(n_images, "image")

    @property
    def suppression(self) -> str:
        """Which small cells are hidden; empty if none are."""
        suppressed = self.recorded.get("suppressed")
        if not suppressed:
            return ""
        below, n_rows = suppressed["below"], counted(suppressed["rows"], "row")
        return (
            f"Cells of fewer than {below} patients or images, and others that would give them away, are "
            f"hidden: {n_rows} of the results. Numbers of images and patients are shown by group only, "
            "and estimates are rounded."
        )


def _counted(*, by_patient: bool, sampled: bool) -> str:
    """Say what counts once, or by its sampling weight."""
    if sampled:
        return (
            "each patient counts by the mean sampling weight of the images"
            if by_patient
            else "each image counts by its sampling weight"
        )
    return f"each {'patient' if by_patient else 'image'} counts once"


def facts_of(audit: Audit) -> Facts:
    """Return the facts of an audit."""
    return Facts(audit.facts)


def common(audits: Sequence[Audit], name: str) -> str:
    """Return a fact that several audits share, or each different one.

    Parameters
    ----------
    audits : sequence of Audit
        The audits of a page.
    name : str
        An attribute of `Facts` that is text.
    """
    return listed(list(dict.fromkeys(str(getattr(facts_of(one), name)) for one in audits)))
