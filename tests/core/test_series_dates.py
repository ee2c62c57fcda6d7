"""Dates of views, and which of them take part."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sr_plugin.core.errors import ParameterError
from sr_plugin.core.series_dates import choose_views, date_in_text, parse_date

DAY = datetime.date(2020, 6, 4)


@pytest.mark.parametrize(
    "text",
    ["20200604", "S2A_MSIL1C_20200604T103031_N0209.tif", "2020-06-04_10m.tif", "x_2020_06_04", "2020:06:04 10:11:12"],
)
def test_dates_in_names(text):
    assert date_in_text(text) == DAY


@pytest.mark.parametrize("text", ["", "m_4709963_se_14_1", "20201304.tif", "1234567890123", "2020.tif", "20200631"])
def test_what_is_no_date(text):
    assert date_in_text(text) is None


def test_a_users_date():
    assert parse_date(" 2020-06-04 ") == DAY and parse_date(" ") is None
    with pytest.raises(ParameterError, match="no date"):
        parse_date("June")


@given(days=st.lists(st.integers(0, 400), min_size=1, max_size=12), wanted=st.integers(0, 400), span=st.integers(0, 90))
def test_the_reference_is_the_nearest_and_nothing_lies_beyond_the_span(days, wanted, span):
    dates = [DAY + datetime.timedelta(days=n) for n in days]
    chosen = choose_views(dates, DAY + datetime.timedelta(days=wanted), span)
    middle = days[chosen.order[0]]
    assert abs(middle - wanted) == min(abs(n - wanted) for n in days)
    apart = [abs(days[i] - middle) for i in chosen.order]
    assert apart == sorted(apart) and max(apart) <= span
    assert sorted(chosen.order + chosen.too_far) == list(range(len(days)))


def test_views_without_a_date():
    dates = [DAY, None, DAY + datetime.timedelta(days=3)]
    assert choose_views(dates, None, None).order == (0, 2, 1)
    assert choose_views(dates, None, 10).undated == (1,)
    with pytest.raises(ParameterError, match="dates of the rasters are not known"):
        choose_views([None, None], DAY, None)
    with pytest.raises(ParameterError, match="date of the reference"):
        choose_views([None, DAY], None, 5)
