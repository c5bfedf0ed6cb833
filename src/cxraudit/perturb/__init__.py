"""Perturbations of images: what happens to a score when only one property of the image changes.

A **counterfactual** inserts a device that a model may rely on, and changes nothing else. Its two *controls*
change an image by as much: the same device outside the lungs, and an edge within them that is no device.
A **corruption** is an image degradation that occurs in practice, in five severities.

A perturbation that does not apply to an image (no frontal chest, no room for the device) or that would
change no pixel of it raises `NotAppliedError`: such an image is not one whose score did not change.

A perturbed image depends on image, image_id and seed only: it is the same in every run and for every
model, and severities of one corruption differ in strength only.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageChops

from cxraudit.errors import NotAppliedError, UnknownNameError
from cxraudit.images import to_grey
from cxraudit.perturb.corruptions import CORRUPTIONS, SEVERITIES
from cxraudit.perturb.devices import DEVICES, DRAIN, insert
from cxraudit.schema import CONTROLS, UNEDITED
from cxraudit.streams import named_generator

VERSION = 2
"""Version of the perturbations, part of the fingerprint: embeddings of other versions are not reused."""


@dataclass(frozen=True, slots=True)
class Perturbation:
    """One perturbation, which is called with an image and its image_id.

    Raises
    ------
    UnknownNameError
        If there is no such perturbation.
    ValueError
        If the severity is not one of the perturbation.
    """

    name: str
    """A name of `DEVICES` or `cxraudit.perturb.corruptions.CORRUPTIONS`, or ``unedited``: the image in
    8-bit grey, which perturbed images are compared with."""
    severity: int = 0
    """1 to 5 for corruptions, 0 for all others."""
    seed: int = 0

    def __post_init__(self) -> None:
        known = [UNEDITED, *DEVICES, *CORRUPTIONS]
        if self.name not in known:
            raise UnknownNameError("perturbation", self.name, known)
        allowed = SEVERITIES if self.name in CORRUPTIONS else (0,)
        if self.severity not in allowed:
            raise ValueError(
                f"the severity of '{self.name}' must be {', '.join(map(str, allowed))}, got "
                f"{self.severity}"
            )

    @property
    def folder(self) -> str:
        """Name of the folder for its embeddings."""
        return f"{self.name}-{self.severity}" if self.severity else self.name

    @property
    def fingerprint(self) -> str:
        """All that a perturbed image depends on besides the image and its id."""
        return f"{self.name}, severity {self.severity}, seed {self.seed}, version {VERSION}"

    def __call__(self, image: Image.Image, image_id: str) -> Image.Image:
        """Return the perturbed image in 8-bit grey, of the same size.

        Raises
        ------
        NotAppliedError
            If the perturbation does not apply to the image, or changes no pixel of it.
        """
        grey = to_grey(image)
        if self.name == UNEDITED:
            return grey
        # A device and its controls start with the same random numbers: they are placed together.
        rng = named_generator(self.seed, image_id, "device" if self.name in DEVICES else self.name)
        if self.name in CORRUPTIONS:
            perturbed = CORRUPTIONS[self.name](grey, self.severity, rng)
        else:
            perturbed = insert(grey, self.name, rng)
        if ImageChops.difference(grey, perturbed).getbbox() is None:
            raise NotAppliedError(f"{self.folder} changes no pixel of the image")
        return perturbed


def perturb(
    image: Image.Image, name: str, *, severity: int = 0, image_id: str = "", seed: int = 0
) -> Image.Image:
    """Return an image with one perturbation.

    Parameters
    ----------
    image : PIL.Image.Image
        In any mode, see `cxraudit.images.to_grey`; it is not changed.
    name : str
        ``drain`` (an inserted chest drain), ``control-outside`` or ``control-edge`` (its controls), or
        one of `cxraudit.perturb.corruptions.CORRUPTIONS`.
    severity : int
        1 to 5 for corruptions, 0 for all others.
    image_id : str
        Id of the image: random properties differ between ids and are the same for one id.
    seed : int
        Another seed gives other random properties.

    Returns
    -------
    PIL.Image.Image
        8-bit grey, of the same size.

    Raises
    ------
    NotAppliedError
        If the perturbation does not apply to the image, or changes no pixel of it.
    UnknownNameError
        If there is no such perturbation.
    ValueError
        If the severity is not one of the perturbation.

    Examples
    --------
    >>> darker = perturb(Image.new("L", (64, 64), 128), "exposure", severity=3, image_id="a")
    >>> darker.size
    (64, 64)
    """
    return Perturbation(name, severity, seed)(image, image_id)


def perturbations(names: str | Sequence[str] | None = None, *, seed: int = 0) -> list[Perturbation]:
    """Return perturbations by name, each corruption in all severities, after the unedited image.

    Parameters
    ----------
    names : str or sequence of str, optional
        Default: all. ``drain`` includes its controls.
    seed : int
        Seed of their random properties.

    Raises
    ------
    UnknownNameError
        If there is no such perturbation.
    """
    known = [*DEVICES, *CORRUPTIONS]
    chosen = known if names is None else [names] if isinstance(names, str) else list(names)
    if DRAIN in chosen:
        chosen = [*chosen, *CONTROLS]  # a change by a drain is interpreted against its controls
    for name in chosen:
        if name not in known:
            raise UnknownNameError("perturbation", name, known)
    return [
        Perturbation(UNEDITED, 0, seed),
        *(
            Perturbation(name, severity, seed)
            for name in dict.fromkeys(chosen)
            for severity in (SEVERITIES if name in CORRUPTIONS else (0,))
        ),
    ]
