"""Images that a user edited, such as by a generator of counterfactuals: pairs of files.

=========  ========================================================================================
module     what it does
=========  ========================================================================================
`table`    reads which image was edited, by which edit, into which file
`checks`   compares the two images of a pair: pixels, size, position
`run`      encodes and scores edited images, and their originals in the same way
=========  ========================================================================================
"""
