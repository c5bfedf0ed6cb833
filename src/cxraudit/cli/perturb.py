"""``cxraudit perturb``: scores of perturbed images."""

from pathlib import Path
from typing import Annotated

from cyclopts import Group, Parameter

from cxraudit.cli._options import (
    BatchSize,
    Count,
    Device,
    Quiet,
    Readers,
    Seed,
    Several,
    repeatable,
)
from cxraudit.cli._options import pairs as columns_of
from cxraudit.cli._output import Answer
from cxraudit.cli._progress import tell, tracker
from cxraudit.cli._shared import shared
from cxraudit.errors import ConfigError

_PAIRS = Parameter(group=Group("Images that you edited", sort_key=2))


@shared("perturb")
def perturb(
    folder: Path,
    *,
    perturbation: Annotated[Several, repeatable("NAME")] = None,
    region: Annotated[Several, repeatable("NAME")] = None,
    masks: Path | None = None,
    images: Count = 400,
    seed: Seed = 0,
    pairs: Annotated[Path | None, _PAIRS] = None,
    pairs_root: Annotated[Path | None, _PAIRS] = None,
    pair_column: Annotated[Several, repeatable("NAME=COLUMN"), _PAIRS] = None,
    batch_size: BatchSize = None,
    readers: Readers = None,
    device: Device = "auto",
    quiet: Quiet = False,
) -> Answer:
    """Score images again after perturbing them: with an inserted chest drain, degraded, or edited by you.

    `drain` inserts a chest drain into each frontal image; its controls `control-outside` (the same tube
    outside the lungs) and `control-edge` (an edge within a lung) change the image by as much. The others
    are image degradations of five severities: noise, blur, contrast, exposure, jpeg, rotation,
    downsampling, markers. With `--masks` or `--region`, regions of the image are removed, or kept alone,
    each beside a control: a region of the same size elsewhere. Synthetic radiographs are also redrawn with
    the drain added and removed.
    Images that a perturbation does not apply to are counted and left out of its comparisons. Finished
    perturbations are kept; `cxraudit audit` then compares the scores with those of the unedited images.
    `stress` is an alias of this command.

    With --pairs, images that you edited (such as with a generator of counterfactuals) are scored instead,
    and compared with their originals: a table with the columns image_id, edited (a file) and edit (a name),
    and control_of for edits that are the control of another.

    Parameters
    ----------
    folder
        What `cxraudit encode` and `score` filled: the same models, prompts and findings are used.
    perturbation
        Name of a perturbation; repeatable. Default: all, or none with --region or --masks.
    region
        Region to remove or keep alone, repeatable: without-lungs, only-lungs, without-heart,
        without-lung-box, only-lung-box, without-wider-lungs, without-narrower-lungs, outline-lungs, the
        same with another region that the masks have, or all (the default with --masks).
    masks
        Masks of the images: a table of CheXmask (.csv, .csv.gz), a table with the columns image_id,
        region, rle, height and width, or a folder of pictures. Those of synthetic radiographs are known.
    images
        Number of images to perturb: all images of patients drawn by the seed. Each image is encoded
        once per perturbation and severity.
    seed
        Seed of the choice of images and of the perturbations.
    pairs
        Table of edited images, as CSV, Excel or Parquet.
    pairs_root
        Folder that the files in it are named from. Default: that of the table.
    pair_column
        What a column of --pairs is called: edited=output_path; repeatable.
    """
    from cxraudit.steps import pairs_step, perturb_step

    if pairs is not None:
        if perturbation or region or masks:
            raise ConfigError(
                "--pairs scores edited images only: perturb others by another command."
            )
        path = pairs_step(
            folder,
            pairs,
            tracker(quiet),
            root=pairs_root,
            columns=columns_of(pair_column, "--pair-column"),
            batch_size=batch_size,
            n_readers=readers,
            device=device,
            tell=tell,
        )
        print(path)
        return Answer({"file": path})
    if pairs_root or pair_column:
        raise ConfigError(
            "--pairs-root and --pair-column are about a table of pairs: name it with --pairs."
        )

    path = perturb_step(
        folder,
        tracker(quiet),
        perturbations=perturbation,
        regions=region,
        masks=masks,
        n_images=images,
        seed=seed,
        batch_size=batch_size,
        n_readers=readers,
        device=device,
        tell=tell,
    )
    print(path)
    return Answer({"file": path})
