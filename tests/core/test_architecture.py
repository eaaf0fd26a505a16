import json
import pickle

import pytest

from searchitect.core import Architecture, SpaceError, canonical_json, hash_text


def test_canonical_json_is_one_text_for_one_value() -> None:
    assert canonical_json({"b": (1, 2.5), "a": None}) == '{"a":null,"b":[1,2.5]}'
    assert canonical_json({"a": None, "b": [1, 2.5]}) == canonical_json({"b": (1, 2.5), "a": None})
    assert canonical_json(True) != canonical_json(1) != canonical_json(1.0)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1, 2}, object(), b"bytes", {"deep": [complex(1)]}])
def test_what_json_cannot_hold_is_refused(value: object) -> None:
    with pytest.raises(SpaceError, match="a spec must be plain JSON data"):
        Architecture(value)


def test_the_spec_survives_json() -> None:
    spec = {"stages": [{"width": 16, "kind": "plain"}, {"width": 32.5, "skip": True}], "none": None, "ünï": "→"}
    assert Architecture(json.loads(Architecture(spec).text)).spec == spec


def test_it_is_frozen_and_its_spec_is_a_copy() -> None:
    architecture = Architecture({"widths": [1, 2]}, {"a": 1})
    with pytest.raises(AttributeError, match="frozen: cannot set 'text'"):
        architecture.text = "{}"  # type: ignore[misc]
    with pytest.raises(TypeError):
        architecture.decisions["a"] = 2  # type: ignore[index]
    architecture.spec["widths"].append(3)
    assert architecture.spec == {"widths": [1, 2]}


def test_later_changes_of_what_it_was_made_from_do_not_reach_it() -> None:
    spec, decisions = {"widths": [1]}, {"a": 1}
    architecture = Architecture(spec, decisions)
    spec["widths"].append(2)
    decisions["a"] = 2
    assert (architecture.spec, dict(architecture.decisions)) == ({"widths": [1]}, {"a": 1})


def test_equal_specs_are_equal_whatever_decisions_led_to_them() -> None:
    a, b = Architecture({"x": 1, "y": 2}, {"p": 1}), Architecture({"y": 2, "x": 1}, {"q": 2})
    assert a == b
    assert len({a, b}) == 1
    assert a != Architecture({"x": 1, "y": 3})
    assert a != a.text


def test_the_key_is_the_beginning_of_the_texts_sha256() -> None:
    assert hash_text("") == "e3b0c44298fc1c14"
    assert Architecture({}).key == "44136fa355b3678a"  # of "{}"


def test_it_can_be_pickled_with_its_decisions() -> None:
    architecture = Architecture({"x": [1]}, {"x": 1})
    assert architecture.key
    again = pickle.loads(pickle.dumps(architecture))
    assert again == architecture
    assert dict(again.decisions) == {"x": 1}
