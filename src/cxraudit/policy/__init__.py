"""Whether an audit meets a policy: rules that a release has to meet, and their outcomes.

=============  ====================================================================
module         what it does
=============  ====================================================================
`rules`        the rules, from a TOML file
`judgement`    rules and results → outcomes, row by row
`formats`      outcomes as text, JSON, JUnit XML and Markdown
=============  ====================================================================
"""

from cxraudit.policy.judgement import GateResult, gate
from cxraudit.policy.rules import Policy, read_policy

__all__ = ["GateResult", "Policy", "gate", "read_policy"]
