"""Numbers, and intervals around them."""

from __future__ import annotations

import math
from math import inf

from hypothesis import strategies as st

from optdsl import intervals as iv
from optdsl.intervals import Interval

PLAIN = st.one_of(
    st.integers(-6, 6).map(float),
    st.sampled_from([0.5, -0.5, 0.1, 0.9, 0.999, 1e-7, -1e-7, math.nextafter(1, 2), 1e3]),
    st.floats(-50, 50, allow_subnormal=False).filter(lambda x: abs(x) > 1e-6 or x == 0),
)
EXTREME = st.one_of(PLAIN, st.sampled_from([5e-324, -5e-324, 1e-300, 1e300, -1e300, 2.0**53]))


@st.composite
def around(draw: st.DrawFn, values: st.SearchStrategy[float] = PLAIN) -> tuple[Interval, float]:
    """An interval and a number in it, at an end as often as not."""
    inside = draw(values)
    low = draw(st.one_of(st.just(inside), st.just(-inf), values.filter(lambda x: x < inside)))
    high = draw(st.one_of(st.just(inside), st.just(inf), values.filter(lambda x: x > inside)))
    whole = inside == math.floor(inside) and draw(st.booleans())
    interval = iv.of(
        low,
        high,
        low < inside and draw(st.booleans()),
        high > inside and draw(st.booleans()),
        whole,
        inside != 0 and draw(st.booleans()),
    )
    assert inside in interval
    return interval, inside
