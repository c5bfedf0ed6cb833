"""The folders of a run and of an audit: every file name, read, write, and resume or refuse.

.. code-block:: text

    <run>/images.parquet          the cohort, with excluded.parquet: the images left out of it
    <run>/embeddings/<model>/     see cxraudit.store; report-embeddings/ where there are reports
    <run>/failures.csv            images that could not be read (only if there are any)
    <run>/scores.parquet          with directions.parquet: embedding directions of the prompts
    <run>/perturbed/              embeddings of perturbed images, with perturbed-scores.parquet and
                                  perturbed-failures.csv
    <run>/pairs/                  embeddings of images that the user edited, with pair-scores.parquet,
                                  pair-checks.csv and pair-failures.csv
    <run>/audit/                  results.parquet, results.csv, exclusions.csv, flow.csv,
                                  excluded.parquet, the tables its figures draw, report.html

What cxraudit did not write is never replaced; see `cxraudit.folders`. Every step writes its manifest last:
it names the hashes of what the step wrote and of what it was made of, and the next step refuses files
that do not fit.
"""

from cxraudit.workspace.audit import AuditFolder
from cxraudit.workspace.record import PERTURBED_RECORD, commands_of, resume_or_refuse
from cxraudit.workspace.run import Workspace

__all__ = ["PERTURBED_RECORD", "AuditFolder", "Workspace", "commands_of", "resume_or_refuse"]
