"""The picture of a report: every ratio, and nothing of what failed."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from bench.chart import draw
from bench.harness import Target
from bench.report import as_data
from tests.bench.test_harness import by_rates, contender, failing, result

SVG = "{http://www.w3.org/2000/svg}"


def drawn(*results) -> ET.Element:
    return ET.fromstring(draw({"made": "2026-11-22", "benchmarks": [as_data(one) for one in results]}))


def words(picture: ET.Element) -> list[str]:
    return [text.text or "" for text in picture.iter(f"{SVG}text")]


def places(picture: ET.Element) -> list[float]:
    """Where the medians are, from left to right; the two of the legend are left out."""
    return [float(circle.attrib["cx"]) for circle in picture.iter(f"{SVG}circle")][2:]


def test_a_tenth_is_as_far_left_as_ten_times_is_right():
    same = [10.0, 10.0, 10.0]
    picture = drawn(
        result(contender("ours", same), contender("limit", [100.0] * 3), contender("peer", [1.0] * 3)),
        result(contender("ours", same), contender("peer", same)),
    )
    tenth, tenfold, once = places(picture)
    assert once - tenth == tenfold - once > 0
    assert {"0.100 ×", "10.0 ×", "1.00 ×"} <= set(words(picture))


def test_the_first_target_is_marked_and_the_far_one_is_not():
    def notches(*targets: Target) -> int:
        return len([path for path in drawn(by_rates(targets=targets)).iter(f"{SVG}path") if "v14" in path.attrib["d"]])

    far = Target("far", "at least half of it", against="limit", at_least=0.5)
    assert notches(far) == notches()
    assert notches(far, Target("first", "at least twice", against="peer", at_least=2)) == notches() + 1


def test_what_failed_is_not_drawn():
    picture = drawn(
        result(contender("ours", [2.0] * 3), failing("limit", at=2), contender("peer", [1.0] * 3)),
        result(failing("ours", at=1), contender("peer", [1.0] * 3)),
    )
    assert len(places(picture)) == 1
    assert "the limit" not in words(picture)
