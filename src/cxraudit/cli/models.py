"""``cxraudit models``: which models can be audited, and their weights."""

from cyclopts import App

from cxraudit.cli._options import Count, Device, Quiet, Switch
from cxraudit.cli._output import Answer
from cxraudit.cli._progress import progress_bar
from cxraudit.cli._shared import shared
from cxraudit.errors import CxrAuditError, DataError

app = App(
    name="models", help="List the models that can be audited; check, fetch and time their weights."
)


@app.default
@shared("models")
def list_models(name: str | None = None) -> Answer:
    """List the models that can be audited, and whether each is ready; with a name, its card.

    Weights are looked for under $CXRAUDIT_WEIGHTS/NAME, or in the user's cache. A model in a folder is
    `hf-clip:PATH` (CLIP or SigLIP in transformers' format), `open-clip:PATH` (open_clip's) or
    `hf-image:PATH` (DINOv2, of images alone); what you know of its licence and training data goes into
    cxraudit-card.toml there. `NAME@paper` is a model as the published wrapper ran it.

    Parameters
    ----------
    name
        One of the names in the list.
    """
    from cxraudit import models
    from cxraudit.models import weights

    if name is not None:
        return _print_card(name)
    listed: list[dict[str, str]] = []
    for known in sorted(models.available()):
        try:
            one = {"name": known, "summary": models.card(known).summary, "state": _state(known)}
        except CxrAuditError as error:  # a model of another package
            one = {"name": known, "summary": "", "state": str(error)}
        listed.append(one)
        print(f"{known:25} {one['summary']}{' ' if one['summary'] else ''}[{one['state']}]")
    print(f"\nweights are looked for in {weights.weights_root()}/NAME")
    return Answer({"models": listed, "weights": weights.weights_root()})


def _state(name: str) -> str:
    """Return whether a model is ready, and otherwise what to do."""
    from cxraudit import models
    from cxraudit.models import weights

    card = models.card(name)
    try:
        models.require_needs(card)
    except CxrAuditError as error:
        return f"{error}".removesuffix(".")
    return f"no weights: cxraudit models {name}" if weights.missing(card) else "ready"


def _print_card(name: str) -> Answer:
    """Print the card of a model, with its files and which of them are missing."""
    from dataclasses import asdict

    from cxraudit import models
    from cxraudit.models import weights

    card = models.card(name)
    for key, value in asdict(card).items():
        if key not in ("files", "quirks"):
            print(f"{key:14} {_shown(key, value)}")
    missing = weights.missing(card)
    for file in card.files:
        facts = [f"{file.size:,} bytes" if file.size else "", file.sha256 or file.md5, file.url]
        state = "missing" if file.name in missing else "found"
        print(f"file           {file.name} [{state}] {' '.join(filter(None, facts))}".rstrip())
    for quirk in card.quirks:
        print(f"@paper         {quirk.what} ({quirk.source})")
    if card.files:
        print(f"folder         {weights.folder_of(card)}")
    return Answer({"card": asdict(card), "missing": [*missing]})


def _shown(key: str, value: object) -> str:
    if key == "trained_on" and value is None:
        return "not known"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (frozenset, tuple)):
        return ", ".join(sorted(map(str, value))) or "none"
    return str(value)


@app.command
@shared("models check")
def check(name: str) -> Answer:
    """Verify the files of a model against published sizes and checksums, and embed sample images.

    Parameters
    ----------
    name
        Name of a model; see `cxraudit models`.
    """
    import numpy as np

    from cxraudit import models
    from cxraudit.models.download import verify
    from cxraudit.testing import check_model, sample_images

    verified = [*verify(models.card(name))]
    for line in verified:
        print(line)
    model = models.load_image_model(name)
    images = sample_images(3)
    try:
        check_model(model, images)
    except AssertionError as error:
        raise DataError(f"{name} breaks the contract of models: {error}.") from None
    texts = ", or text," if models.card(name).text_side else ""
    print(f"self-test: each embedding depends on its own image{texts} only")
    rows = model.encode_images(np.stack([model.preprocess(image) for image in images]))
    first = " ".join(f"{value:+.4f}" for value in rows[0, :5])
    print(f"the embedding of the first sample image begins with {first} on every machine")
    return Answer({"verified": verified, "embedding": rows[0, :5].tolist()})


@app.command
@shared("models fetch")
def fetch(
    name: str,
    *,
    endpoint: str | None = None,
    unverified: Switch = False,
    insecure: Switch = False,
    quiet: Quiet = False,
) -> Answer:
    """Download the weights of a model if its licence allows that; otherwise print how to get them.

    A file gets its name only when size and checksum are the published ones. Finished files are kept, and an
    interrupted download of a file with a published checksum continues where it stopped.

    Parameters
    ----------
    name
        Name of a model; see `cxraudit models`.
    endpoint
        Another server with the addresses of the Hugging Face hub, such as a mirror.
    unverified
        Also download files without a published checksum; what arrived is printed, recorded, and compared by
        `cxraudit models check`.
    insecure
        Allow an endpoint, or a redirection to an address, that is not https.
    """
    from cxraudit import models
    from cxraudit.models.download import fetch as download

    files = download(
        models.card(name),
        endpoint=endpoint,
        unverified=unverified,
        insecure=insecure,
        track=lambda title, total: progress_bar(quiet, title, total, unit="bytes"),
    )
    for file in files:
        verified = "as published" if file.published else "no checksum is published"
        print(f"{file.path} sha256 {file.sha256} ({verified})")
    return Answer(
        {
            "files": [
                {"path": file.path, "sha256": file.sha256, "published": bool(file.published)}
                for file in files
            ]
        }
    )


@app.command
@shared("models bench")
def bench(name: str, *, images: Count = 16, device: Device = "auto") -> Answer:
    """Time a model on synthetic images of 1024 × 1024, and compare bfloat16 with float32.

    Parameters
    ----------
    name
        Name of a model; see `cxraudit models`.
    images
        Number of images.
    """
    from cxraudit.bench import bench_model

    lines: list[str] = []
    for line in bench_model(name, n_images=images, device=device):
        print(line)
        lines.append(line)
    return Answer({"lines": lines})
