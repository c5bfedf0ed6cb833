"""Images → small grey PNGs, as an explicit and recorded step.

Published work often evaluates images that were resized beforehand, so the resizing is part of its
results.

``pixels``  how an image is prepared
``seal``    what a prepared image states of itself: its source, its preparation, its pixels
``run``     every image of a cohort, into a folder that a later call continues
"""

from cxraudit.prepare.pixels import Preparation, prepared
from cxraudit.prepare.run import UNREADABLE, prepare_images

__all__ = ["UNREADABLE", "Preparation", "prepare_images", "prepared"]
