"""Prompt sets: TOML files with two templates."""

import tomllib
from pathlib import Path
from typing import Any

import numpy as np

from cxraudit import models, prompts
from cxraudit.prompts.bank import lint
from cxraudit.zeroshot import prompt_directions
from fuzz.case import Case, Generator, Outcome, attempted
from fuzz.tables import pick
from fuzz.toml import mutated

BASE: dict[str, Any] = {
    "name": "own",
    "source": "someone et al.",
    "positive": "Chest {finding}",
    "negative": "Chest no {finding}",
    "words": {"Pneumothorax": "collapsed lung", "Edema": "pulmonary edema"},
}
TEMPLATES = (
    *(
        "{finding}",
        "no {finding}",
        "{}",
        "{0}",
        "{finding",
        "finding}",
        "{{finding}}",
        "{finding!r}",
        "{finding:>9}",
    ),
    *(
        "{finding:>9999999999}",
        "{finding.__class__.__mro__}",
        "{finding[0]}",
        "{x}",
        "%s %(finding)s",
        "$finding",
    ),
    *(
        "",
        " ",
        "x" * 500,
        "x " * 2000,
        "\u202e{finding}",
        "{finding}\u200b",
        "\x00{finding}",
        "{finding}\n{finding}",
    ),
    *(
        "🫁 {finding}",
        "肺 {finding}",
        "<|endoftext|> {finding}",
        "[SEP] {finding} [CLS]",
        "{finding}" * 100,
    ),
)
FINDINGS = ("Pneumothorax", "Pleural Effusion", "No Finding", "x" * 300, "a{b}", "🫁", "")


class Prompts:
    """``cxraudit score --prompts FILE``, by the functions that it calls."""

    name = "prompts"

    def prepare(self, folder: Path) -> None:
        """Load a model that encodes any text."""
        self.model = models.load("random")

    def write(self, rng: Generator, folder: Path) -> Case:
        """Mutate a prompt file."""
        case = Case(folder)
        data = dict(BASE)
        way = int(rng.integers(4))
        if way == 0:
            data[pick(rng, ["positive", "negative"])] = pick(rng, TEMPLATES)
        elif way == 1:
            n = pick(rng, [0, 1, 3000, 20_000])
            data["words"] = {f"f{k}": pick(rng, TEMPLATES) for k in range(n)}
        elif way == 2:
            data["words"] = {pick(rng, FINDINGS): pick(rng, TEMPLATES)}
        (folder / "own.toml").write_bytes(mutated(data, rng, case))
        case.add(f"templates {[str(data[k])[:40] for k in ('positive', 'negative')]}")
        return case

    def run(self, case: Case) -> Outcome:
        """Load it, make prompts of findings, and encode them."""
        found: list[prompts.PromptSet] = []

        def call() -> None:
            found.append(prompts.load(case.folder / "own.toml"))
            pairs = [found[0].pair(finding) for finding in FINDINGS]
            for pair in pairs:
                lint(*pair)
            directions = prompt_directions(self.model, FINDINGS, found[0])
            assert np.isfinite(directions).all()

        outcome = attempted(call)
        if found:
            outcome.faults += _changed(case.folder / "own.toml", found[0])
        return outcome


def _changed(path: Path, loaded: prompts.PromptSet) -> list[tuple[str, str]]:
    """Return a fault where a prompt is not the template of the file with the finding in its place."""
    data = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    faults = []
    for finding in FINDINGS:
        word = data.get("words", {}).get(finding, finding)
        for key, prompt in zip(("positive", "negative"), loaded.pair(finding), strict=True):
            expected = data[key].replace("{finding}", word)
            if prompt != expected:
                faults.append(("misread", f"{prompt!r} for {expected!r}"))
    return faults
