"""``cxraudit datasets``: which data sets can be read, where they lie, whether they are complete."""

from pathlib import Path

from cyclopts import App

from cxraudit.errors import DataError

app = App(
    name="datasets",
    help="List the data sets that can be read, find them in a folder, check them against their papers.",
)


@app.default
def list_datasets(name: str | None = None) -> None:
    """List the data sets that can be read; with a name, its files, options and published cohorts.

    Parameters
    ----------
    name
        One of the names in the list.
    """
    from cxraudit import datasets
    from cxraudit.datasets import filters

    if name is None:
        for known in sorted(datasets.available()):
            print(f"{known:14} {datasets.module(known).SUMMARY}")
        return
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


@app.command(name="find")
def find_datasets(root: Path) -> None:
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
    nothing = True
    for name in sorted(datasets.available()):
        files = datasets.module(name).FILES
        places = {file.name: file.find(root) for file in files}
        if not any(places[file.name] for file in files if file.needed):
            continue
        nothing = False
        missing = [file for file in files if file.needed and not places[file.name]]
        print(f"{name}: {f'{len(missing)} of its files are missing' if missing else 'ready'}")
        for file in files:
            place = places[file.name]
            mark = "found   " if place else "missing " if file.needed else "optional"
            print(f"  {mark} {file.name}" + (f": {place}" if place else f" (from: {file.source})"))
    if nothing:
        print(f"No known release within {DEPTH} folders below {root}. See cxraudit datasets.")


@app.command(name="check")
def check_release(name: str, root: Path) -> None:
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
