"""The report of compared edges."""

import base64

from sr_plugin.core.edge_report import NEW_EDGES_NOTE, Panel, edge_report_html, settings_rows, table_rows
from sr_plugin.core.edges import EdgeCounts, EdgeSettings, edge_figures

FIGURES = edge_figures(EdgeCounts(100, 10, 12, 11, 8, 4, 2, 9, 9, 8, 7, 2, 900.0, 1600.0, 2500.0), True)


def page(**changes):
    values = {
        "title": "Comparison",
        "panels": [[Panel("input", "Input"), Panel("", "")]],
        "pictures": {"input": b"picture"},
        "table": table_rows(FIGURES, True),
        "facts": settings_rows(EdgeSettings(low=2.0, high=3.0, quantiles=False), [("Input", "a.tif")]),
        "notes": [NEW_EDGES_NOTE],
    }
    return edge_report_html(**{**values, **changes})


def test_pictures_lie_in_the_page():
    html = page()
    assert base64.b64encode(b"picture").decode() in html
    assert html.count("<img") == 1 and "http" not in html and 'src="data:image/png' in html


def test_the_legend_says_that_new_edges_may_be_invented():
    html = page()
    assert "not in the input; a generative model may invent detail" in html
    assert "New edges are not in the input." in html


def test_the_legend_explains_gaps_where_there_are_any():
    assert "no data" not in page() and page(gaps=True).count("no data") == 1


def test_strangers_cannot_write_into_the_page():
    html = page(facts=[("Input", "<script>x</script>")], panels=[[Panel("input", '"><i>')]])
    assert "<script>" not in html and "<i>" not in html


def test_the_table_has_a_column_for_the_truth_only_where_there_is_one():
    assert table_rows(FIGURES, True)[0] == ("", "Input", "Result", "Truth")
    assert {len(row) for row in table_rows(FIGURES, False)} == {3}


def test_settings_are_told():
    told = dict(settings_rows(EdgeSettings("sobel", 0.5, 2.0, 3.0, False, 4), [("Input", "a.tif")]))
    assert told["Input"] == "a.tif" and told["Smoothing"] == "sigma 0.5 pixels" and told["Tolerance"] == "4 pixel(s)"
    assert told["Thresholds"].startswith("2 and 3 data units")
