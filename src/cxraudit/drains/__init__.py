"""The detector of chest drains, or of any other shortcut: labels for films nobody annotated.

``train``  a DenseNet-121 on annotated films, as in Sourget et al. (2025), but with films of other
           patients to stop early on and to say how well it does
``apply``  probability and label of every film that has none by people, with provenance
"""
