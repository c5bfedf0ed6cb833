"""A detector of chest drains or another shortcut: labels for images without an annotation.

``train``  a DenseNet-121 on annotated images, as in Sourget et al. (2025), with early stopping and a
           performance estimate on images of other patients
``apply``  probability and label of every image without an annotation, with its source
"""
