"""The command line: the composition root, which hands registries and Trainable to the core."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence

INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command and exit: 0 done, 1 failed or unfinished, 2 wrong input."""
    words = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in words
    sys.exit(_run([word for word in words if word != "--debug"], debug))


def _run(words: list[str], debug: bool) -> int:
    from flowadam.cli.app import app
    from flowadam.errors import FlowAdamError, InputError
    from flowadam.origin import check_origin

    try:
        check_origin()
        app(words, prog_name="flowadam")
    except SystemExit as end:
        return _interrupted() if end.code == INTERRUPTED else int(end.code or 0)
    except KeyboardInterrupt:
        return _interrupted()
    except InputError as error:
        return _say(str(error), 2, debug)
    except (FlowAdamError, OSError) as error:
        return _say(str(error), 1, debug)
    except Exception as error:  # the last line of defense: a sentence instead of a traceback
        if debug:
            return _say(type(error).__name__, 1, debug)
        return _say(f"{type(error).__name__}: {error}. Run again with --debug for the place.", 1)
    return 0


def _interrupted() -> int:
    return _say("interrupted; what was finished is kept. The same command goes on.", 1)


def _say(sentence: str, code: int, debug: bool = False) -> int:
    """Print a sentence, after the traceback of what is being handled if `debug`."""
    if debug:
        traceback.print_exc()
    # What a file holds may stand in the sentence; a terminal must not obey it.
    plain = "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in sentence)
    print(f"flowadam: {plain}", file=sys.stderr)
    return code
