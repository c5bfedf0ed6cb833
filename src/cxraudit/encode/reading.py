"""One image for several models: read once, decoded once, prepared for each."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from cxraudit.content import Source, read_source
from cxraudit.encode.times import Stage, Times
from cxraudit.errors import ImageError
from cxraudit.images import decode_image
from cxraudit.models.base import ImageModel, Levels, Pixels, model_input
from cxraudit.privacy import without_folders

Perturbation = Callable[[Image.Image, str], Image.Image]
"""(decoded image, image_id) → perturbed image, before any preprocessing; see `cxraudit.perturb`."""

_UNPREPARED = (ArithmeticError, LookupError, MemoryError, OSError, RuntimeError, ValueError)
"""What preprocessing raises on an image that it was not written for."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """An image as models take it, or why there is none."""

    source: Source
    error: str = ""
    notes: str = ""
    """Codes of `cxraudit.images.ImageNote`, separated by blanks."""
    pixels: Sequence[Pixels | Levels] = ()
    """One per model; none with an error."""


def not_read(path: str) -> Source:
    """Return the source of a file that could not be read."""
    return Source(path, -1, 0, 0, "")


@dataclass(frozen=True, slots=True)
class Opened:
    """A file that was read and decoded, or why it was not."""

    path: str
    source: Source
    image: Image.Image | None = None
    error: str = ""
    notes: str = ""


@dataclass(frozen=True, slots=True)
class Reader:
    """How the images of a cohort are read."""

    stated: Mapping[str, str] = field(default_factory=dict)
    """image_id → SHA-256 that the data set states of its image; other content is not taken for it."""
    times: Times = field(default_factory=Times)

    def read(
        self,
        path: str,
        image_id: str,
        models: Sequence[ImageModel],
        perturbation: Perturbation | None = None,
    ) -> Prepared:
        """Read an image and prepare it for each model; an image for which that fails has an error.

        Errors name the file without its folders, since they are listed in tables that are handed on.
        """
        return prepare(self.open(path, image_id), image_id, models, perturbation, self.times)

    def open(self, path: str, image_id: str) -> Opened:
        """Read and decode an image, which may then be prepared in several ways."""
        with self.times.measured(Stage.DECODE):
            return self._opened(path, image_id)

    def _opened(self, path: str, image_id: str) -> Opened:
        file = Path(path)
        try:
            data, source = read_source(file)
        except FileNotFoundError:
            return Opened(path, not_read(path), error=f"{path} is missing.")
        except (OSError, ValueError, MemoryError) as error:  # a name can hold what no path can
            return Opened(path, not_read(path), error=f"{path} cannot be read: {_reason(error)}.")
        if not self.allows(image_id, source):
            return Opened(path, source, error=f"{path} {_OTHER}")
        try:
            decoded = decode_image(data, file)
        except ImageError as error:
            return Opened(path, source, error=str(error))
        except _UNPREPARED as error:
            return Opened(path, source, error=_UNPREPARED_ERROR.format(path, _reason(error)))
        return Opened(path, source, decoded.image, notes=" ".join(decoded.notes))

    def allows(self, image_id: str, source: Source) -> bool:
        """Tell whether the content of a file is what the data set states, if it states it."""
        return self.stated.get(image_id, "") in ("", source.sha256)


def prepare(
    opened: Opened,
    image_id: str,
    models: Sequence[ImageModel],
    perturbation: Perturbation | None,
    times: Times,
) -> Prepared:
    """Perturb an image and prepare it for each model; the decoded image is not changed."""
    path, source, notes = opened.path, opened.source, opened.notes

    def failed(error: str) -> Prepared:
        return Prepared(source, without_folders(error, path), notes)

    if opened.image is None:
        return failed(opened.error)
    try:
        with times.measured(Stage.PREPARE):
            image = opened.image if perturbation is None else perturbation(opened.image, image_id)
            pixels = [model_input(one, image) for one in models]
        return Prepared(source, notes=notes, pixels=pixels)
    except ImageError as error:
        return failed(str(error))
    except _UNPREPARED as error:
        return failed(_UNPREPARED_ERROR.format(path, _reason(error)))


_UNPREPARED_ERROR = "{} cannot be prepared for a model: {}."
_OTHER = "was changed since cxraudit wrote it. Repeat the command that did."


def _reason(error: BaseException) -> str:
    text = getattr(error, "strerror", None) or str(error).strip() or type(error).__name__
    return text.splitlines()[0].rstrip(".")
