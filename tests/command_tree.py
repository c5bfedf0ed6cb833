"""Every command of the program and every flag of a command, read off the program itself."""

from cyclopts import App

from cxraudit.cli import app

Command = tuple[str, ...]


def commands(below: App = app, before: Command = ()) -> list[Command]:
    """Return every command, each with the names of the groups it belongs to; aliases are left out."""
    found = []
    for name in below:
        if not name.startswith("-") and below[name].show:
            found += [(*before, name), *commands(below[name], (*before, name))]
    return found


def flags(command: Command) -> dict[str, str | None]:
    """Return flag → help of a command; several names of one parameter have the same help."""
    found = app
    for name in command:
        found = found[name]
    if found.default_command is None:
        return {}
    return {
        name: argument.parameter.help
        for argument in found.assemble_argument_collection(parse_docstring=True)
        if not argument.children
        for name in argument.names
    }
