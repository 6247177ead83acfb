"""Records behave as frozen dataclasses do."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError, dataclass, field
from typing import Any

import pytest

from optdsl.records import Aside, record, replace


@record
class Point:
    """A place with a remark."""

    x: int
    y: int = 2
    remark: Aside[str] = ""

    @property
    def total(self) -> int:
        """The sum."""
        return self.x + self.y


@dataclass(frozen=True, slots=True)
class Twin:
    """What `Point` should be like."""

    x: int
    y: int = 2
    remark: str = field(default="", compare=False)


@record
class Empty:
    """No fields."""


def test_construction() -> None:
    assert (Point(1).x, Point(1).y, Point(1).remark) == (1, 2, "")
    assert Point(y=5, x=4).total == 9
    assert Point.__doc__ == "A place with a remark."
    assert Empty() == Empty()


def test_it_reads_as_a_dataclass() -> None:
    assert repr(Point(1, remark="a")) == repr(Twin(1, remark="a")).replace("Twin", "Point")
    assert repr(Empty()) == "Empty()"
    match Point(1, 3):
        case Point(1, y):
            assert y == 3
        case _:
            pytest.fail("a record matches by position")


@pytest.mark.parametrize("arguments", [(), (1, 2, "", 4)])
def test_a_constructor_takes_its_fields_only(arguments: tuple[Any, ...]) -> None:
    with pytest.raises(TypeError, match="positional argument"):
        Point(*arguments)
    with pytest.raises(TypeError, match="unexpected keyword argument"):
        replace(Point(1), z=1)


def test_comparison() -> None:
    assert Point(1, 2, "a") == Point(1, 2, "b")
    assert hash(Point(1, 2, "a")) == hash(Point(1, 2, "b"))
    assert Point(1, 2) != Point(1, 3)
    different: object = Twin(1, 2)
    assert Point(1, 2) != different
    assert different != Point(1, 2)


def test_records_do_not_change() -> None:
    point: Any = Point(1)
    with pytest.raises(FrozenInstanceError, match="cannot assign to field 'x' of Point"):
        point.x = 2
    with pytest.raises(FrozenInstanceError):
        point.z = 2
    with pytest.raises(FrozenInstanceError):
        del point.x
    assert not hasattr(point, "__dict__")
    assert replace(point, x=3) == Point(3)
    assert point == Point(1)


@pytest.mark.parametrize(
    "same", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))]
)
def test_copies(same: Any) -> None:
    assert same(Point(1, 3, "a")) == Point(1, 3)
    assert same(Point(1, 3, "a")).remark == "a"
