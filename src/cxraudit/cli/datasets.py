"""``cxraudit datasets``: which data sets can be read, where they lie, whether they are complete."""

from pathlib import Path

from cyclopts import App

from cxraudit.cli._output import Answer
from cxraudit.cli._shared import shared
from cxraudit.errors import DataError

app = App(
    name="datasets",
    help="List the data sets that can be read, find them in a folder, check them against their papers.",
)


@app.default
@shared("datasets")
def list_datasets(name: str | None = None) -> Answer:
    """List the data sets that can be read; with a name, its files, options and published cohorts.

    Parameters
    ----------
    name
        One of the names in the list.
    """
    from cxraudit import datasets
    from cxraudit.datasets import filters

    if name is None:
        summaries = {one: datasets.module(one).SUMMARY for one in sorted(datasets.available())}
        for known, summary in summaries.items():
            print(f"{known:14} {summary}")
        return Answer({"datasets": [{"name": k, "summary": v} for k, v in summaries.items()]})
    source = datasets.module(name)
    print(f"{name}: {source.SUMMARY}\n\nfiles")
    for file in source.FILES:
        print(f"  {file.name}{'' if file.needed else ' (optional)'}\n      from: {file.source}")
    print("\noptions (--option NAME=VALUE)")
    for key, parameter in datasets.options(name).items():
        print(f"  {key} = {parameter.default}")
    print("\noptions of every data set")
    for key, what in filters.OPTIONS.items():
        print(f"  {key}: {what}")
    for known, chosen in getattr(source, "COHORTS", {}).items():
        meaning = " ".join(f"{key}={value}" for key, value in chosen.items())
        print(f"\n--option cohort={known} is {meaning}")
    print(f"\n{(source.load.__doc__ or '').split('Raises')[0].rstrip()}")
    return Answer(
        {
            "name": name,
            "summary": source.SUMMARY,
            "files": [
                {"name": file.name, "needed": file.needed, "source": file.source}
                for file in source.FILES
            ],
            "options": {key: one.default for key, one in datasets.options(name).items()},
            "filters": filters.OPTIONS,
            "cohorts": getattr(source, "COHORTS", {}),
        }
    )


@app.command(name="find")
@shared("datasets find")
def find_datasets(root: Path) -> Answer:
    """Find the releases under a folder; list the files that are missing and where to get them.

    Parameters
    ----------
    root
        A folder, for instance the one that downloads go to.
    """
    from cxraudit import datasets
    from cxraudit.datasets.release import DEPTH

    if not root.is_dir():
        raise DataError(f"{root} is no folder. Give the one that holds the releases.")
    releases: list[dict[str, object]] = []
    for name in sorted(datasets.available()):
        files = datasets.module(name).FILES
        places = {file.name: file.find(root) for file in files}
        if not any(places[file.name] for file in files if file.needed):
            continue
        missing = [file for file in files if file.needed and not places[file.name]]
        print(f"{name}: {f'{len(missing)} of its files are missing' if missing else 'ready'}")
        for file in files:
            place = places[file.name]
            mark = "found   " if place else "missing " if file.needed else "optional"
            print(f"  {mark} {file.name}" + (f": {place}" if place else f" (from: {file.source})"))
        releases.append(
            {
                "name": name,
                "ready": not missing,
                "files": [
                    {"name": file.name, "needed": file.needed, "path": places[file.name] or None}
                    for file in files
                ],
            }
        )
    if not releases:
        print(f"No known release within {DEPTH} folders below {root}. See cxraudit datasets.")
    return Answer({"releases": releases})


@app.command(name="check")
@shared("datasets check")
def check_release(name: str, root: Path) -> Answer:
    """Count what a release holds and compare with the published numbers; exit code 2 if they differ.

    Parameters
    ----------
    name
        Name of the data set; see `cxraudit datasets`.
    root
        Folder the data set was unpacked in.
    """
    from cxraudit import datasets

    counts = datasets.release_counts(name, root)
    width = max(len(count.what) for count in counts)
    for count in counts:
        published = "" if count.published is None else f"published {count.published:>9,}"
        mark = " " if count.published is None else "=" if count.agrees else "!"
        print(f"{mark} {count.what:{width}} {count.found:>9,}  {published}".rstrip())
    compared = [count for count in counts if count.published is not None]
    differing = [count for count in compared if not count.agrees]
    if differing:
        raise DataError(
            f"{len(differing)} of {len(compared)} counts differ from the published ones, first: "
            f"{differing[0].what}. Is this a part of the release, or another version?"
        )
    print(f"All {len(compared)} published counts agree.")
    return Answer(
        {
            "counts": [
                {"what": one.what, "found": one.found, "published": one.published} for one in counts
            ]
        }
    )
