"""The commands of the command line, one file each."""

from napari_openhcs.commands import (
    compile,
    demo,
    diff,
    export,
    functions,
    inspect,
    open,
    results,
    run,
    sample,
    show,
    status,
    stop,
    table,
)

COMMANDS = tuple(
    module.COMMAND
    for module in (
        functions,
        inspect,
        compile,
        run,
        status,
        stop,
        results,
        table,
        show,
        export,
        diff,
        open,
        sample,
        demo,
    )
)
