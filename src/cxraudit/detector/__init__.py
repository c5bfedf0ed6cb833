"""The detector of chest drains, or of any other shortcut: labels for images nobody annotated.

``train``  a DenseNet-121 on annotated images, as in Sourget et al. (2025), but with images of other
           patients to stop early on and to say how well it does
``apply``  probability and label of every image that has none by people, with provenance
"""
