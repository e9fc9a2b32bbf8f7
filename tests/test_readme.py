"""The README is true: its commands are the tested ones and its examples run."""

import doctest
import re
from pathlib import Path

README = Path(__file__).resolve().parent.parent / "README.md"

COMMANDS = """\
python -m pip install . && gameanalysis analyze figure1 --plot figure1.png
python -m pip install '.[test]' && python -m pytest
"""


def blocks():
    """(language, text, line) of each fenced block."""
    text = README.read_text(encoding="utf-8")
    for match in re.finditer(r"^```(\w*)[^\n]*\n(.*?)^```", text, re.M | re.S):
        yield match[1], match[2], text.count("\n", 0, match.start(2))


def test_the_first_block_holds_the_two_commands():
    # .ci/run reads its commands from this block: here is what they must be.
    language, text, _ = next(blocks())
    assert language in ("", "sh", "bash", "shell", "console")
    assert text == COMMANDS


def test_python_blocks_run_in_order(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    namespace = {"__name__": "__readme__"}
    python = [(text, line) for language, text, line in blocks() if language == "python"]
    assert python
    for text, line in python:
        if text.lstrip().startswith(">>>"):
            test = doctest.DocTestParser().get_doctest(
                text, namespace, "README", str(README), line)
            runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
            report = []
            failed, _ = runner.run(test, out=report.append, clear_globs=False)
            namespace.update(test.globs)
            assert not failed, "".join(report)
        else:
            # Blank lines in front: a traceback shows the README's own line.
            exec(compile("\n"*line + text, str(README), "exec"), namespace)
    # What a block prints is the text block below it.
    printed = [text for language, text, _ in blocks() if language == "text"][1:]
    out = capsys.readouterr().out
    assert printed and all(text in out for text in printed)
