"""Charts of a report, compiled as a browser would, and their data by rows."""

import vl_convert


def rows(figure) -> list[dict]:
    """The data that a figure is drawn from."""
    return [dict(zip(figure.data, values, strict=True)) for values in zip(*figure.data.values(), strict=True)]


def compiled(figure) -> dict:
    """The Vega specification of a figure with its data; raises ValueError for what isn't Vega-Lite."""
    named = [row | {"label": f"cell {row.get('c')}", "order": row.get("c")} for row in rows(figure)]
    return vl_convert.vegalite_to_vega(figure.spec | {"datasets": {"rows": named}})


def check(figure, rows_of_table: int) -> None:
    """A figure compiles, has words for those who don't see it, and a table beside its data."""
    assert compiled(figure)["marks"]
    assert figure.alt and figure.says and figure.title
    assert len(figure.table.rows) == rows_of_table
    assert all(len(row.words) == len(figure.table.columns) for row in figure.table.rows)
