"""The figures and tables of the report as files, for a paper."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from os import PathLike
from pathlib import Path

from cxraudit.audits.result import Audit
from cxraudit.errors import ConfigError, UnknownNameError
from cxraudit.files import folder_name, manifest_of, write_atomic, write_manifest, write_text
from cxraudit.folders import claim, discard, writable_folder
from cxraudit.formatting import printed
from cxraudit.report.blocks import Block, Details, Drawing, Switch, Table
from cxraudit.report.page import Content, as_path, content_of
from cxraudit.tables import to_latex, to_page
from cxraudit.workspace.record import manifest_of_ours

FORMATS, TABLE_FORMATS = ("svg", "pdf", "png"), ("tex", "html")
CAPTIONS = "captions.txt"


def write_figures(
    audits: Audit | Sequence[Audit],
    folder: str | PathLike[str],
    *,
    formats: Sequence[str] = FORMATS,
    tables: Sequence[str] = (),
) -> list[Path]:
    """Write every figure of the report on some audits, and its tables where wanted, as files.

    Parameters
    ----------
    audits : Audit or sequence of Audit
        Those of the report.
    folder : str or path
        Where to; files of an earlier call that have no successor are removed, all others stay.
    formats : sequence of {"svg", "pdf", "png"}
        Of the figures.
    tables : sequence of {"tex", "html"}
        Of the tables: LaTeX (booktabs), and HTML that word processors open. None: no tables.

    Returns
    -------
    list of pathlib.Path
        The files, captions.txt last: the caption of every file.

    Raises
    ------
    TypeError
        If `audits`, `folder` or a list of formats is of another type.
    UnknownNameError
        If a format is unknown.
    ConfigError
        If there is no audit or no format, or the folder cannot be written to.
    DataError
        If the folder holds a file of that name that cxraudit did not write.
    """
    target = as_path(folder, "folder")
    for name, wanted, known in (
        ("format", formats, FORMATS),
        ("table format", tables, TABLE_FORMATS),
    ):
        if isinstance(wanted, str):
            raise TypeError(f"{name}s must be a sequence of names, got the text {wanted!r}.")
        for one in wanted:
            if one not in known:
                raise UnknownNameError(name, one, known)
    if not formats and not tables:
        raise ConfigError("there is nothing to write: name a format of figures or of tables.")
    content = content_of(audits)
    writable_folder(target)
    makers, captions = _files(content, formats, tables)
    paths = [target / name for name in (*makers, CAPTIONS)]
    earlier = manifest_of_ours(target / CAPTIONS).get("outputs", {})
    claim(*paths, manifest_of(target / CAPTIONS))
    for name in set(earlier) - {path.name for path in paths}:
        discard(target / name)
    for name, make in makers.items():
        made = make()
        write_atomic(target / name, lambda path, made=made: path.write_bytes(made))
    write_text(target / CAPTIONS, printed("\n".join(captions)) + "\n")
    write_manifest(target / CAPTIONS, outputs=paths)
    return paths


Make = Callable[[], bytes]


def _files(
    content: Content, formats: Sequence[str], tables: Sequence[str]
) -> tuple[dict[str, Make], list[str]]:
    """Return file name → what makes its bytes, and a line of caption for each figure and table."""
    makers: dict[str, Make] = {}
    captions: list[str] = []
    names: Counter[str] = Counter()
    for chapter in content.chapters:
        for block in _blocks(block for section in chapter.sections for block in section.blocks):
            if isinstance(block, Drawing) and formats:
                own = _drawn(block, formats)
            elif isinstance(block, Table) and tables:
                own = _tabulated(
                    block, _table_name(f"{chapter.title}-{block.caption}", names), tables
                )
            else:
                continue
            makers |= own
            note = f" {block.chart.note}" if isinstance(block, Drawing) else ""
            captions.append(f"{', '.join(own)}: {chapter.title}. {block.caption}.{note}")
    return makers, captions


def _blocks(blocks: Iterator[Block] | Sequence[Block]) -> Iterator[Block]:
    """Yield all blocks, folded ones included."""
    for block in blocks:
        if isinstance(block, Details):
            yield from _blocks(block.blocks)
        elif isinstance(block, Switch):
            for _, part in block.parts:
                yield from _blocks(part)
        else:
            yield block


def _drawn(block: Drawing, formats: Sequence[str]) -> dict[str, Make]:
    figures: dict[str, dict[str, bytes]] = {}

    def make(wanted: str) -> bytes:
        # One figure is laid out once, for all of its formats.
        if block.name not in figures:
            figures[block.name] = _formats(block, formats)
        return figures[block.name].pop(wanted)

    return {
        f"{block.name}.{wanted}": lambda wanted=wanted: make(wanted)
        for wanted in dict.fromkeys(formats)
    }


def _formats(block: Drawing, formats: Sequence[str]) -> dict[str, bytes]:
    from cxraudit.charts import house
    from cxraudit.charts.drawing import draw

    figure = draw(block.chart)
    made = {"svg": f"{house.XML}{house.svg(figure)}".encode()}
    for name, maker in (("pdf", house.pdf), ("png", house.png)):
        if name in formats:
            made[name] = maker(figure)
    return made


def _table_name(name: str, taken: Counter[str]) -> str:
    chosen = f"table-{folder_name(name)}"
    taken[chosen] += 1
    return chosen if taken[chosen] == 1 else f"{chosen}-{taken[chosen]}"


def _tabulated(block: Table, name: str, formats: Sequence[str]) -> dict[str, Make]:
    makers: dict[str, Make] = {
        "tex": lambda: printed(to_latex(block.frame, block.caption)).encode(),
        "html": lambda: printed(to_page(block.frame, block.caption)).encode(),
    }
    return {f"{name}.{wanted}": makers[wanted] for wanted in dict.fromkeys(formats)}
