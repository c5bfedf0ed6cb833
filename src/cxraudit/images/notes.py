"""What a reader must know about how one image was decoded."""

from enum import StrEnum


class ImageNote(StrEnum):
    """Code of a note on a decoded image; codes are stable, so that they can be stored and counted."""

    NEARLY_BLACK = "NEARLY_BLACK"
    NEARLY_WHITE = "NEARLY_WHITE"
    NO_CONTRAST = "NO_CONTRAST"
    FEW_BITS = "FEW_BITS"
    RANGE_GUESSED = "RANGE_GUESSED"
    WINDOW_INVALID = "WINDOW_INVALID"
    SEVERAL_WINDOWS = "SEVERAL_WINDOWS"
    VOI_FUNCTION_UNKNOWN = "VOI_FUNCTION_UNKNOWN"
    LUT_DIFFERS = "LUT_DIFFERS"
    RESCALE_INVALID = "RESCALE_INVALID"
    UNUSED_BITS = "UNUSED_BITS"
    COLOUR = "COLOUR"
    TRANSPARENCY_DROPPED = "TRANSPARENCY_DROPPED"
    ORIENTATION_IGNORED = "ORIENTATION_IGNORED"

    @property
    def sentence(self) -> str:
        """What the note means, in one sentence."""
        return _SENTENCES[self]


_SENTENCES = {
    ImageNote.NEARLY_BLACK: "At least 90 % of the pixels are black or nearly black.",
    ImageNote.NEARLY_WHITE: "At least 90 % of the pixels are white or nearly white.",
    ImageNote.NO_CONTRAST: "The image has fewer than three grey levels.",
    ImageNote.FEW_BITS: (
        "The values use fewer bits than their container, so that the range of the bits used was taken."
    ),
    ImageNote.RANGE_GUESSED: (
        "The values are real numbers or negative; their range was taken from the values."
    ),
    ImageNote.WINDOW_INVALID: (
        "The DICOM window is incomplete, no number or of width below 1; grey levels were stretched from "
        "minimum to maximum."
    ),
    ImageNote.SEVERAL_WINDOWS: "The DICOM file offers several windows; the first was used.",
    ImageNote.VOI_FUNCTION_UNKNOWN: (
        "The DICOM file names an unknown function of its window; the linear one was used."
    ),
    ImageNote.LUT_DIFFERS: (
        "A DICOM look-up table has other bits or entries than its description states; its data were used."
    ),
    ImageNote.RESCALE_INVALID: "The DICOM rescale slope is zero or infinite; it was left out.",
    ImageNote.UNUSED_BITS: "Bits that the DICOM file declares as unused held data; they were left out.",
    ImageNote.COLOUR: "The DICOM image is in colour; its luminance was used.",
    ImageNote.TRANSPARENCY_DROPPED: "The image is partly transparent; transparency was left out.",
    ImageNote.ORIENTATION_IGNORED: (
        "The file requires viewers to turn or mirror the image; it was used as stored."
    ),
}
