"""What embeddings know, what the score uses of it, and what a scatter plot hides.

=============  ========================================================================
module         asks
=============  ========================================================================
`probes`       can a group be read: by a line, neighbours, a network; in full, from two axes
`projections`  what two axes show, and how far groups lie apart in the whole space
`centroids`    how far the groups' means lie apart, and in which direction
`directions`   does the score use it, and what happens if it is erased
`multiverse`   is a gap the model's, or the sentence's it was asked with
=============  ========================================================================

All write one table; see `cxraudit.audits.embeddings.cohort`.
"""
