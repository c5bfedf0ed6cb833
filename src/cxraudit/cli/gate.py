"""``cxraudit gate``: whether an audit meets a policy."""

from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from cxraudit.cli._options import Several, pairs, repeatable
from cxraudit.cli._output import Answer, check_outputs, say
from cxraudit.cli._shared import shared
from cxraudit.errors import ConfigError

if TYPE_CHECKING:
    from cxraudit.audits.changes import Diff


@shared("gate")
def gate(
    audit: Path | None = None,
    *,
    policy: Path | None = None,
    since: Path | None = None,
    model: Annotated[Several, repeatable("OLD=NEW")] = None,
    patients: Literal["auto", "same", "other"] = "auto",
    junit: Path | None = None,
    markdown: Path | None = None,
    init: Path | None = None,
    schema: Annotated[bool, Parameter(negative="")] = False,
) -> Answer:
    """Judge an audit by the rules of a policy.

    The exit code is 0 if every rule is passed, 1 if one is failed, and 3 if one is inconclusive: what is not
    shown, undefined or missing is never passed unless the policy allows it, for a reason and until a day.
    Example: `cxraudit gate --init policy.toml`, then `cxraudit gate work/audit --policy policy.toml`.

    Parameters
    ----------
    audit
        Folder that `cxraudit audit` wrote.
    policy
        TOML file with the rules; `--init` writes one to begin with, and `--schema` lists its keys.
    since
        Folder of an earlier audit, which rules with `change = true` are about; see `cxraudit diff`.
    model
        Model of the earlier audit and that of this one, as for `cxraudit diff`; repeatable.
    patients
        Whether equal identifiers of patients stand for the same patients, as for `cxraudit diff`.
    junit
        File for the outcomes as JUnit XML.
    markdown
        File for a summary in Markdown; it is appended to a file that is there, such as that of
        GITHUB_STEP_SUMMARY.
    init
        Write a commented policy to this file, and do nothing else.
    schema
        Print the JSON schema of policies, for editors, and do nothing else.
    """
    if (init is not None or schema) and (audit is not None or policy is not None):
        raise ConfigError("--init and --schema judge nothing. Leave out the audit and --policy.")
    if init is not None:
        return _write_first(init)
    if schema:
        return _print_schema()
    if audit is None or policy is None:
        raise ConfigError(
            "name the folder of the audit and the policy: cxraudit gate AUDIT --policy policy.toml. "
            "cxraudit gate --init policy.toml writes a policy to begin with."
        )
    changed = _changed(since, audit, model, patients)
    return _judge(audit, policy, changed, junit=junit, markdown=markdown)


def _changed(
    since: Path | None,
    audit: Path,
    model: list[str] | None,
    patients: Literal["auto", "same", "other"],
) -> "Diff | None":
    if since is None:
        if model or patients != "auto":
            raise ConfigError("--model and --patients are about an earlier audit: add --since.")
        return None
    from cxraudit.audits.changes import diff
    from cxraudit.audits.result import open_audit

    named = pairs(model, "--model") or None
    return diff(open_audit(since), open_audit(audit), models=named, patients=patients)


def _judge(
    audit: Path,
    policy: Path,
    changed: "Diff | None",
    *,
    junit: Path | None,
    markdown: Path | None,
) -> Answer:
    from cxraudit.audits.result import open_audit
    from cxraudit.files import write_text
    from cxraudit.policy import formats, judgement
    from cxraudit.policy.rules import read_policy

    rules = read_policy(policy)
    check_outputs({"--junit": junit, "--markdown": markdown}, folders=[audit], inputs=[policy])
    if junit is not None and junit.is_file() and b"<testsuite" not in junit.read_bytes()[:200]:
        raise ConfigError(
            f"{junit} is there already and holds no outcomes of a gate. Name another file with --junit."
        )
    result = judgement.gate(open_audit(audit), rules, since=changed)
    if junit is not None:
        write_text(junit, formats.as_junit(result))
    if markdown is not None:
        with markdown.open("a", encoding="utf-8") as file:  # also through a link, or to a device
            file.write("\n" + formats.as_markdown(result))
    say(formats.as_text(result))
    return Answer(formats.document_of(result), result.exit_code)


def _write_first(path: Path) -> Answer:
    from cxraudit.files import write_text

    if path.exists():
        raise ConfigError(f"{path} is there already. Name another file with --init.")
    write_text(path, resources.files("cxraudit.policy").joinpath("first.toml").read_text("utf-8"))
    print(f"Policy: {path}")
    return Answer({"file": path})


def _print_schema() -> Answer:
    import json

    from cxraudit.policy.rules import Policy

    made = Policy.model_json_schema()
    print(json.dumps(made, indent=2))
    return Answer({"schema": made})
