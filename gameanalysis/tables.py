"""Text for people: short forms of long formulas, and small tables."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

__all__ = ["data_frame", "short", "text_table", "html_table"]


def short(value: object, limit: int = 60) -> str:
    """The text of a value, cut where it is longer than ``limit``.

    >>> short("a" * 9, limit=6)
    'aaa...'
    """
    text = str(value)
    return text if len(text) <= limit else text[:limit - 3] + "..."


def text_table(header: Sequence[str], rows: Sequence[Sequence[str]],
               right: Sequence[bool]) -> str:
    """Columns padded to their widest entry; ``right`` says which are right-aligned.

    >>> print(text_table(["x", "class"], [["-1.5", "saddle"]], [True, False]))
       x  class
    -1.5  saddle
    """
    widths = [max(map(len, column)) for column in zip(header, *rows)]
    lines = []
    for row in [header, *rows]:
        cells = [cell.rjust(width) if flush else cell.ljust(width)
                 for cell, width, flush in zip(row, widths, right)]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def html_table(header: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[bool]) -> str:
    """The same as an HTML table, every cell escaped.

    >>> html_table(["a<b"], [["1"]], [True])[:47]
    '<table><thead><tr><th style="text-align:right">'
    """
    style = ["text-align:right" if flush else "text-align:left" for flush in right]

    def line(cells: Sequence[str], tag: str) -> str:
        return "<tr>" + "".join(f'<{tag} style="{s}">{escape(cell)}</{tag}>'
                                for cell, s in zip(cells, style)) + "</tr>"
    body = "".join(line(row, "td") for row in rows)
    return f"<table><thead>{line(header, 'th')}</thead><tbody>{body}</tbody></table>"


def data_frame(rows: Sequence[dict[str, Any]]) -> Any:
    """A pandas DataFrame of rows; raises ImportError with the way out where pandas is missing."""
    try:
        import pandas
    except ImportError:
        raise ImportError("to_dataframe needs pandas: pip install pandas "
                          "(or 'gameanalysis[dataframe]')") from None
    return pandas.DataFrame(rows)
