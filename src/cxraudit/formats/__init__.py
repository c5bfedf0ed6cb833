"""Results for the terminal and other programs: text, JSON and Markdown.

=========  =====================================================
module     what it does
=========  =====================================================
`rows`     a row of results in one line, one cell, or as JSON
`changes`  what changed between two audits
=========  =====================================================
"""
