"""Before an audit: how many patients it takes, and what will be concluded from how many.

============  ========================================================================
module        what it holds
============  ========================================================================
`settings`    what is assumed of a study, and what it is to show
`assumed`     comparisons of a study that is described by assumptions
`pilot`       comparisons of a study like a pilot table
`table`       the comparisons as a table: errors, power and numbers of patients
`study`       all of it: from assumptions or a pilot to that table
============  ========================================================================
"""
