"""``cxraudit models``: which models can be audited, and their weights."""

from cyclopts import App

from cxraudit.cli._options import Count, Device

app = App(
    name="models", help="List the models that can be audited; check, fetch and time their weights."
)


@app.default
def list_models(name: str | None = None) -> None:
    """List the models that can be audited, and whether each is ready; with a name, its card.

    Weights are looked for under $CXRAUDIT_WEIGHTS/NAME, or in the user's cache. Any CLIP or SigLIP in
    transformers' format is `hf-clip:PATH`. `NAME@paper` is a model as the published wrapper ran it.

    Parameters
    ----------
    name
        One of the names in the list.
    """
    from cxraudit import models
    from cxraudit.models import weights

    if name is not None:
        _print_card(name)
        return
    for known in sorted(models.available()):
        card = models.card(known)
        needs, missing = models.missing_needs(card), weights.missing(card)
        state = (
            f"needs {', '.join(needs)}: pip install 'cxraudit[models]'"
            if needs
            else f"no weights: cxraudit models {known}"
            if missing
            else "ready"
        )
        print(f"{known:16} {card.summary} [{state}]")
    print(f"\nweights are looked for in {weights.weights_root()}/NAME")


def _print_card(name: str) -> None:
    """Print the card of a model, with its files and which of them are missing."""
    from dataclasses import asdict

    from cxraudit import models
    from cxraudit.models import weights

    card = models.card(name)
    for key, value in asdict(card).items():
        if key not in ("files", "quirks"):
            several = isinstance(value, (frozenset, tuple))
            print(f"{key:14} {', '.join(sorted(map(str, value))) if several else value}")
    missing = weights.missing(card)
    for file in card.files:
        facts = [f"{file.size:,} bytes" if file.size else "", file.sha256 or file.md5, file.url]
        state = "missing" if file.name in missing else "found"
        print(f"file           {file.name} [{state}] {' '.join(filter(None, facts))}".rstrip())
    for quirk in card.quirks:
        print(f"@paper         {quirk.what} ({quirk.source})")
    if card.files:
        print(f"folder         {weights.folder_of(card)}")


@app.command
def check(name: str) -> None:
    """Verify the files of a model against published sizes and checksums, and embed sample images.

    Parameters
    ----------
    name
        Name of a model; see `cxraudit models`.
    """
    import numpy as np

    from cxraudit import models
    from cxraudit.models import weights
    from cxraudit.testing import check_model, sample_images

    for line in weights.verify(models.card(name)):
        print(line)
    model = models.load(name)
    images = sample_images(3)
    if model.card.protocol == "native":
        check_model(model, images)
        print("self-test: embeddings have unit length and depend on their own image only")
    rows = model.encode_images(np.stack([model.preprocess(image) for image in images]))
    first = " ".join(f"{value:+.4f}" for value in rows[0, :5])
    print(f"the embedding of the first sample image begins with {first} on every machine")


@app.command
def fetch(name: str, *, endpoint: str | None = None) -> None:
    """Download the weights of a model if its licence allows that; otherwise print how to get them.

    Finished files are kept and interrupted downloads continue where they stopped.

    Parameters
    ----------
    name
        Name of a model; see `cxraudit models`.
    endpoint
        Another server with the addresses of the Hugging Face hub, such as a mirror.
    """
    from cxraudit import models
    from cxraudit.models import weights

    for path in weights.fetch(models.card(name), endpoint=endpoint):
        print(path)


@app.command
def bench(name: str, *, images: Count = 16, device: Device = "auto") -> None:
    """Time a model on synthetic images of 1024 × 1024, and compare bfloat16 with float32.

    Parameters
    ----------
    name
        Name of a model; see `cxraudit models`.
    images
        Number of images.
    """
    from cxraudit.bench import bench_model

    for line in bench_model(name, n_images=images, device=device):
        print(line)
