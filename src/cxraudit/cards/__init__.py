"""Model cards and reporting checklists, filled from an audit; what no data say stays visibly open.

===============  ============================================================================
module           what it holds
===============  ============================================================================
`huggingface`    the model card of the Hugging Face Hub
`chai`           the applied model card of the Coalition for Health AI
`checklist`      STARD-AI, CLAIM and TRIPOD+AI, item by item
`answers`        what an audit contains on a question: one function per key of the files in ``data``
`evidence`       the rows that cards show
`places`         where an answer is in the report and in the audit
`subject`        one model of one audit, and what is stated of it
`markdown`       text that stays text in Markdown
`writing`        files that others wrote or changed are not replaced
===============  ============================================================================
"""

from cxraudit.cards.checklist import GUIDELINES, write_checklist
from cxraudit.cards.formats import FORMATS, write_card

__all__ = ["FORMATS", "GUIDELINES", "write_card", "write_checklist"]
