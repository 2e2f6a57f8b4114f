"""The command line: `vidlab COMMAND …`; prints, and turns every error into one sentence and an exit code."""

import argparse
import logging
import os
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from vidlab.errors import UsageError, VidlabError

OK, FAILED, MISUSED, INTERRUPTED, TERMINATED = 0, 1, 2, 130, 143


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: Words after `vidlab`; None takes them from the process.

    Returns:
        Exit code: 0; 2 for what is wrong whatever the files are (unknown option, method, class, value out of
        range); 1 for files, their content, weights and devices; 130 after Ctrl-C.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    with _listening():
        return _run(words, debug="--debug" in words)


def _run(words: list[str], *, debug: bool) -> int:
    try:
        args = _parse(words)
        code: int = args.run(args)
        sys.stdout.flush()
        return code
    except SystemExit as stop:  # --help and --version, or a termination signal
        return stop.code if isinstance(stop.code, int) else OK
    except BrokenPipeError:  # the reader went away: `vidlab params | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except KeyboardInterrupt:
        return _say("interrupted; no result was written", INTERRUPTED, debug=False)
    except UsageError as error:
        return _say(str(error), MISUSED, debug=debug)
    except (VidlabError, OSError) as error:
        return _say(str(error), FAILED, debug=debug)
    except MemoryError:
        return _say("there is not enough memory for this", FAILED, debug=debug)
    except Exception as error:
        text = f"{type(error).__name__}: {error}".splitlines()[0]
        return _say(f"unexpected {text}; run again with --debug to see where", FAILED, debug=debug)


def _parse(words: list[str]) -> argparse.Namespace:
    from vidlab.cli.parser import build_parser

    parser = build_parser()
    if not words:
        parser.print_help()
        raise SystemExit(OK)
    args = parser.parse_args(words)
    args.words = words
    return args


def _say(sentence: str, code: int, *, debug: bool) -> int:
    if debug:
        traceback.print_exc()
    one_line = " ".join(sentence.split())
    print(f"vidlab: {one_line}", file=sys.stderr)
    return code


class _ToStderr(logging.Handler):
    """Writes to whatever `sys.stderr` is now: a progress bar replaces it while it is drawn."""

    def emit(self, record: logging.LogRecord) -> None:
        level = "" if record.levelno < logging.WARNING else f"{record.levelname.lower()}: "
        print(f"{level}{record.getMessage()}", file=sys.stderr)


@contextmanager
def _listening() -> Iterator[None]:
    """Show what the package logs, and turn a termination signal into an exit that cleans up."""
    logger, handler = logging.getLogger("vidlab"), _ToStderr()
    level = logger.level
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    in_main = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGTERM, _terminate) if in_main else None
    try:
        with warnings.catch_warnings():
            if not sys.warnoptions:
                warnings.simplefilter("ignore")  # of other packages, to their developers; ours are logged
            yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        if in_main:
            signal.signal(signal.SIGTERM, before)


def _terminate(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(TERMINATED)
