"""Form-encoded parameters: decoded as the official library encodes them, then checked."""

from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stripe._encode import _api_encode

from deploy.sandbox.stripe import forms, params
from deploy.sandbox.stripe.errors import StripeError

NAMES = st.text(st.characters(blacklist_characters="[]", codec="utf-8"), min_size=1, max_size=8)
TREES = st.recursive(
    st.text(st.characters(codec="utf-8"), max_size=20),
    lambda inner: st.dictionaries(NAMES, inner, min_size=1, max_size=4),
    max_leaves=8,
)


def encoded(values: dict[str, Any]) -> str:
    return urlencode(list(_api_encode(values)))


@given(st.dictionaries(NAMES, TREES, max_size=4))
def test_nested_maps_come_back_as_they_were_sent(values: dict[str, Any]) -> None:
    assert forms.decode(encoded(values)) == values


def test_lists_come_back_in_order_however_they_are_numbered() -> None:
    fields = {"expand": params.array(params.text())}
    sent = encoded({"expand": [f"path{at}" for at in range(12)]})
    assert params.read(forms.decode(sent), fields)["expand"][9:] == ["path9", "path10", "path11"]
    by_hand = forms.decode("expand[]=a&expand[]=b")
    assert params.read(by_hand, fields) == {"expand": ["a", "b"]}


def test_lists_of_objects_may_be_sent_without_numbers() -> None:
    item = params.nested({"price": params.text(), "quantity": params.integer()})
    raw = forms.decode("items[][price]=a&items[][quantity]=1&items[][price]=b")
    found = params.read(raw, {"items": params.array(item)})
    assert found == {"items": [{"price": "a", "quantity": 1}, {"price": "b"}]}


@pytest.mark.parametrize(
    "form", ["a=1&a[b]=2", "a[b]=2&a=1", "a[b=1", "a]=1", "a[b][c]" * 6 + "=1"]
)
def test_a_form_that_contradicts_itself_is_refused(form: str) -> None:
    with pytest.raises(StripeError) as refused:
        forms.decode(form)
    assert refused.value.status == 400


@pytest.mark.parametrize(
    ("param", "raw", "words"),
    [
        (params.integer(), "1.5", "Invalid integer"),
        (params.integer(), "١", "Invalid integer"),
        (params.integer(least=1), "0", "greater than or equal to 1"),
        (params.integer(most=5), "6", "less than or equal to 5"),
        (params.boolean(), "yes", "Invalid boolean"),
        (params.one_of("a", "b"), "c", "must be one of a or b"),
        (params.text(longest=3), "four", "at most 3"),
        (params.text(), {"a": "b"}, "Invalid string"),
        (params.array(params.text()), "a", "Invalid array"),
        (params.nested({}), "a", "Invalid object"),
        (params.decimal_text(), "NaN", "Invalid decimal"),
        (params.metadata(), {"k" * 41: "v"}, "40 characters"),
        (params.metadata(), {"k": "v" * 501}, "500 characters"),
        (params.metadata(), {str(at): "v" for at in range(51)}, "50 keys"),
        (params.time_range(), {"after": "1"}, "unknown parameter"),
    ],
)
def test_a_wrong_value_is_refused_in_words(param: params.Param, raw: object, words: str) -> None:
    with pytest.raises(StripeError, match=words) as refused:
        params.read({"name": raw}, {"name": param})
    assert refused.value.param is not None
    assert refused.value.param.startswith("name")


def test_an_empty_value_clears_only_what_can_be_cleared() -> None:
    fields = {"name": params.text(clearable=True), "metadata": params.metadata()}
    assert params.read({"name": "", "metadata": ""}, fields) == {"name": None, "metadata": None}
    with pytest.raises(StripeError) as refused:
        params.read({"name": ""}, {"name": params.text()})
    assert refused.value.code == "parameter_invalid_empty"
