"""Synthetic radiographs: ``cxraudit demo`` and ``cxraudit phantom``."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from cxraudit.cli._options import (
    Count,
    Quiet,
    Seed,
    Several,
    Share,
    Workers,
    number_pairs,
    repeatable,
)
from cxraudit.cli._output import Answer
from cxraudit.cli._progress import progress_bar, tell, tracker
from cxraudit.cli._shared import shared
from cxraudit.errors import UnknownNameError


@shared("demo")
def demo(
    out: Path = Path("demo"), *, patients: Count = 600, seed: Seed = 2025, quiet: Quiet = False
) -> Answer:
    """Draw synthetic radiographs, audit the shipped model on them, and write a report.

    Two releases are drawn, in the layouts of MIMIC-CXR-JPG and NIH ChestX-ray14, and are read by the
    code that reads the real ones. The truth is known: the shipped model was trained to rely on chest
    drains and to perform worse in patients of 80 and over; no effect of sex or race was planted.

    Parameters
    ----------
    out
        Folder for everything; a second call continues where the first stopped.
    patients
        Patients per release, with three images each on average.
    seed
        Seed of the patients: another seed draws others.
    """
    from cxraudit.audits.result import open_audit
    from cxraudit.cli._summary import document_of, print_summary
    from cxraudit.steps import demo_step
    from cxraudit.workspace import Workspace

    path = demo_step(out, tracker(quiet), n_patients=patients, seed=seed, tell=tell)
    audits = []
    for work in sorted(out.glob("phantom-*")):
        place = Workspace(work).audit
        found = open_audit(place.folder)
        print_summary(found)
        audits.append(document_of(found, place))
    print(f"Report: {path}")
    return Answer({"audits": audits, "report": path})


@shared("phantom")
def phantom(
    out: Path,
    *,
    layout: Annotated[str, Parameter(metavar="NAME")] = "nih",
    patients: Count = 600,
    images_per_patient: Annotated[float, Parameter(validator=Number(gte=1, lte=1000))] = 3.0,
    seed: Seed = 2025,
    image_size: Count = 256,
    contrast: Annotated[Several, repeatable("GROUP=FACTOR")] = None,
    prevalence: Annotated[Several, repeatable("FINDING=SHARE")] = None,
    drain_given_pneumothorax: Share = 0.55,
    drain_otherwise: Share = 0.03,
    drain_visibility: Share = 1.0,
    record_noise: Share = 0.0,
    workers: Workers = 2,
    quiet: Quiet = False,
) -> Answer:
    """Draw synthetic chest radiographs with known truth, as a release in a real layout.

    Every effect is an option, so that an audit can be tested on images whose answer is known. By
    default chest drains are associated with pneumothorax, findings are faint in patients of 80 and
    over, and sex and race have no effect. `phantom_truth.json` in the release holds what was planted.

    Examples: no age effect, `--contrast 80+=1`; a sex effect, `--contrast female=0.5`; the shortcut
    switched off (drains in the tables, not in the images), `--drain-visibility 0`.

    Parameters
    ----------
    out
        Folder for the release.
    layout
        `nih` (ChestX-ray14 with NEATX drain labels) or `mimic` (MIMIC-CXR-JPG with MIMIC-IV).
    patients
        Number of patients.
    images_per_patient
        Mean number of images per patient.
    seed
        The same options and seed give the same bytes.
    image_size
        Side of the images in pixels.
    contrast
        Visibility of all findings in a group (18-25, 25-50, 50-65, 65-80, 80+, female, male, asian,
        black, white); repeatable. Default: 80+=0.35.
    prevalence
        Share of images with a finding; repeatable.
    drain_given_pneumothorax
        P(chest drain | pneumothorax).
    drain_otherwise
        P(chest drain | no pneumothorax).
    drain_visibility
        How clearly drains are drawn, from 0 to 1.
    record_noise
        Share of records, from 0 to 1, that are missing, contradictory or uncertain, as in real
        releases; `mimic` only.
    workers
        Processes that draw.
    """
    from cxraudit.folders import writable_folder
    from cxraudit.phantom.cohort import draw_cohort
    from cxraudit.phantom.releases import LAYOUTS, write_release
    from cxraudit.phantom.spec import PLANTED_AGE_CONTRAST, PREVALENCE, PhantomSpec

    spec = PhantomSpec(
        n_patients=patients,
        images_per_patient=images_per_patient,
        seed=seed,
        image_size=image_size,
        finding_contrast={**PLANTED_AGE_CONTRAST, **number_pairs(contrast, "--contrast")},
        prevalence={**PREVALENCE, **number_pairs(prevalence, "--prevalence")},
        drain_given_pneumothorax=drain_given_pneumothorax,
        drain_otherwise=drain_otherwise,
        drain_visibility=drain_visibility,
        record_noise=record_noise,
    )
    if layout not in LAYOUTS:
        raise UnknownNameError("phantom layout", layout, LAYOUTS)
    writable_folder(out)
    with progress_bar(quiet, "draw images", len(draw_cohort(spec))) as advance:
        cohort = write_release(spec, out, layout, n_workers=workers, progress=advance)
    name = "nih-cxr14" if layout == "nih" else "mimic-cxr"
    print(f"{len(cohort):,} images of {patients:,} synthetic patients: {out} (dataset {name})")
    return Answer({"images": len(cohort), "patients": patients, "folder": out, "dataset": name})
