"""A question is parsed from untrusted values, or refused with the control named."""

import datetime as dt
import json
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.analyses.rfm import RfmParams
from services.errors import ParamError
from services.params import (
    Choice,
    Column,
    Date,
    Flag,
    Number,
    Text,
    Values,
    acceptable,
    canonical,
    describe,
    fields,
    from_text,
    parse,
    propose,
)  # fmt: skip
from services.schema import ColumnType, Kind, Schema


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One of everything."""

    who: Annotated[str, Column("Who", kind="key", role="customer", help="Who bought.")]
    when: Annotated[str, Column("When", kind="date", role="date")]
    worth: Annotated[str | None, Column("Worth", kind="number", role="amount")] = None
    said: Annotated[str | None, Column("Said", kind="text", role="text")] = None
    extra: Annotated[tuple[str, ...], Column("Extra", many=True)] = ()
    count: Annotated[int, Number("Count", low=3, high=10)] = 5
    rows: Annotated[int, Number("Rows", low=1, high=1e9)] = 1_000
    share: Annotated[float, Number("Share", low=0.5, high=0.99, step=0.01)] = 0.8
    how: Annotated[str, Choice("How", options={"keep": "Keep", "exclude": "Leave out"})] = "keep"
    loud: Annotated[bool, Flag("Loud")] = False
    until: Annotated[dt.date | None, Date("Until")] = None
    title: Annotated[str, Text("Title", longest=10)] = ""
    some: Annotated[tuple[str, ...], Values("Some", of="who", when={"loud": (True,), "how": ("keep",)})] = ()
    one: Annotated[str, Values("One", of="who", many=False)] = ""


def schema(**kinds: Kind) -> Schema:
    return Schema(tuple(ColumnType(name=name, kind=kind, sql="") for name, kind in kinds.items()))


SHOP = schema(
    customer="identifier", age="integer", bought="datetime", paid="decimal", member="flag", note="text", city="category"
)
GIVEN = {"who": "customer", "when": "bought"}


def ask(**given: Any) -> Asked:
    return parse(Asked, GIVEN | given, SHOP)


def test_defaults_fill_what_is_not_given() -> None:
    assert ask() == Asked(who="customer", when="bought")


def test_everything_given_as_the_browser_sends_it() -> None:
    asked = ask(
        worth="paid", said="note", extra=["age", "city"], count=7, share=0.95, how="keep", loud=True,
        until="2018-01-02T00:00:00", title="Mine", some=["a", 1], one="b",
    )  # fmt: skip
    assert asked == Asked(
        who="customer", when="bought", worth="paid", said="note", extra=("age", "city"), count=7, share=0.95,
        how="keep", loud=True, until=dt.date(2018, 1, 2), title="Mine", some=("a", "1"), one="b",
    )  # fmt: skip


def test_everything_given_as_the_command_line_writes_it() -> None:
    typed = {"worth": "null", "extra": '["age"]', "count": "7", "share": "0.95", "loud": "yes", "until": "2018-01-02"}
    asked = ask(**{name: from_text(text) for name, text in typed.items()})
    assert (asked.worth, asked.extra, asked.count, asked.share) == (None, ("age",), 7, 0.95)
    assert (asked.loud, asked.until) == (True, dt.date(2018, 1, 2))
    assert type(asked.count) is int


def test_empty_clears_what_may_be_empty_and_leaves_the_default_of_a_choice() -> None:
    asked = ask(worth="", until=None, how=" ")
    assert asked == Asked(who="customer", when="bought")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("who", None, "Who: choose one."),
        ("count", "", "Count: a whole number from"),
        ("who", "", "Who: choose one."),
        ("who", "nobody", "Who: there is no column “nobody”. There is: customer, age, note, city."),
        ("who", ["customer"], "Who: there is no column"),
        ("who", 3, "Who: there is no column"),
        (
            "who",
            "paid",
            "Who: “paid” is a number, and an identifier is needed. Choose from: customer, age, note, city.",
        ),
        ("who", "member", "Who: “member” is yes or no,"),
        ("when", "paid", "When: “paid” is a number, and a date is needed. Choose from: bought."),
        ("worth", "bought", "Worth: “bought” is a date and time, and a number is needed. Choose from: age, paid."),
        ("said", "age", "Said: “age” is a whole number, and text is needed."),
        ("extra", "age", "Extra: give a list of columns."),
        ("extra", ["age", "nobody"], "Extra: there is no column “nobody”."),
        ("count", 2, "Count: a whole number from 3 to 10."),
        ("count", 11, "Count: a whole number from 3 to 10."),
        ("count", 5.5, "Count: a whole number from 3 to 10."),
        ("count", "five", "Count: a whole number from 3 to 10."),
        ("count", True, "Count: a whole number from 3 to 10."),
        ("count", "nan", "Count: a whole number from 3 to 10."),
        ("count", "1,2", "Count: a whole number from 3 to 10."),
        ("count", "0_5", "Count: a whole number from 3 to 10."),
        ("rows", "120,00", "Rows: a whole number from"),
        ("rows", "1200,000", "Rows: a whole number from"),
        ("rows", "1,200 000", "Rows: a whole number from"),
        ("rows", ",120,000", "Rows: a whole number from"),
        ("count", [5], "Count: a whole number from 3 to 10."),
        ("share", 0.4999, "Share: from 0.5 to 0.99."),
        ("share", float("inf"), "Share: from 0.5 to 0.99."),
        ("how", "drop", "How: choose one of keep, exclude."),
        ("how", True, "How: choose one of keep, exclude."),
        ("loud", "perhaps", "Loud: say true or false."),
        ("loud", 1, "Loud: say true or false."),
        ("until", "2018-13-01", "Until: give a day as 2018-01-31."),
        ("until", "2018-01-31 or so", "Until: give a day as 2018-01-31."),
        ("until", "2018-01-31T12:30:00", "Until: give a day as 2018-01-31."),
        ("until", "2018-W05-3", "Until: give a day as 2018-01-31."),
        ("until", "yesterday", "Until: give a day as 2018-01-31."),
        ("title", "far too long for it", "Title: a text of at most 10 characters."),
        ("title", 7, "Title: a text of at most 10 characters."),
        ("one", ["a", "b"], "One: choose one."),
        ("colour", "red", "There is no parameter “colour”. There are: who, when,"),
    ],
)
def test_a_wrong_value_is_refused_in_a_sentence_with_its_control(name: str, value: Any, said: str) -> None:
    with pytest.raises(ParamError) as refused:
        ask(**{name: value})
    assert refused.value.message.startswith(said)
    assert refused.value.field == name


@pytest.mark.parametrize(
    "value",
    [[], {}, [[]], {"a": 1}, ["keep"], float("nan"), -1, 10**400, "\0", "'; DROP TABLE rows --", b"x", object()],
)
@pytest.mark.parametrize("name", [each.name for each in fields(Asked)])
def test_no_value_from_outside_is_more_than_refused(name: str, value: Any) -> None:
    # Any other exception would be an incident.
    with suppress(ParamError):
        assert isinstance(ask(**{name: value}), Asked)


def test_a_table_without_a_fitting_column_says_so() -> None:
    with pytest.raises(ParamError, match="When: this table has no date column") as refused:
        parse(Asked, {"who": "customer"}, schema(customer="text"))
    assert refused.value.field == "when"


@given(
    count=st.integers(3, 10), share=st.floats(0.5, 0.99), loud=st.booleans(), title=st.text(max_size=10),
    until=st.none() | st.dates(), some=st.lists(st.text()), worth=st.sampled_from([None, "age", "paid"]),
)  # fmt: skip
def test_canonical_values_survive_json_and_parse(**given: Any) -> None:
    asked = Asked(**GIVEN, **given | {"some": tuple(given["some"])})
    again = parse(Asked, json.loads(json.dumps(canonical(asked))), SHOP)
    # A text of blanks only is an empty one; what does not matter is not kept.
    blank = {} if given["title"].strip() else {"title": ""}
    assert canonical(again) == canonical(asked) | blank | ({} if given["loud"] else {"some": []})


def test_of_what_an_address_gives_only_what_a_person_could_give_is_taken() -> None:
    told = {
        "who": "customer", "when": {"a": [1]}, "count": "x", "rows": 7, "extra": ["age"], "how": ["keep"],
        "loud": "yes",
        "until": "2018-01-02", "title": 3, "share": float("nan"), "surprise": 1, "worth": None, "some": ["a", 1],
    }  # fmt: skip
    assert acceptable(Asked, told, SHOP) == {
        "who": "customer", "rows": 7, "extra": ["age"], "loud": True, "until": "2018-01-02", "some": ["a", "1"],
    }  # fmt: skip


@given(st.dictionaries(st.sampled_from([each.name for each in fields(Asked)]), st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3), max_leaves=6,
)))  # fmt: skip
def test_whatever_an_address_gives_nothing_breaks(told: dict[str, Any]) -> None:
    json.dumps(acceptable(Asked, told, SHOP))


@pytest.mark.parametrize(
    ("written", "rows"),
    [
        ("120,000", 120_000), ("120 000", 120_000), ("120\u202f000", 120_000), ("120\u00a0000", 120_000),
        ("1,200,000", 1_200_000), ("120000", 120_000), ("999", 999),
    ],
)  # fmt: skip
def test_a_whole_number_may_be_written_in_thousands(written: str, rows: int) -> None:
    assert ask(rows=written).rows == rows


def test_a_number_with_decimals_is_never_read_in_thousands() -> None:
    with pytest.raises(ParamError, match="Share: from"):
        ask(share="0,950")


def test_columns_are_each_taken_once() -> None:
    assert ask(extra=["age", "city", "age"]).extra == ("age", "city")
    assert ask(extra=[]).extra == ()


def test_columns_that_are_needed_are_one_or_more() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Needed:
        by: Annotated[tuple[str, ...], Column("By", many=True)]

    with pytest.raises(ParamError, match=r"By: choose one or more\.") as refused:
        parse(Needed, {"by": []}, SHOP)
    assert refused.value.field == "by"


def test_what_does_not_matter_is_neither_checked_nor_part_of_the_question() -> None:
    plain = canonical(ask(how="exclude"))
    assert canonical(ask(how="exclude", some=["a"])) == plain
    assert canonical(ask(how="exclude", loud=True, some=object())) == plain | {"loud": True}
    assert ask(loud=True, some=["a"]).some == ("a",)


def test_rfm_asks_the_same_with_and_without_the_columns_it_does_not_need() -> None:
    given = {"customer": "customer", "date": "bought", "amount": "paid"}
    alone = canonical(parse(RfmParams, given, SHOP))
    assert canonical(parse(RfmParams, {**given, "quantity": "age", "price": "paid"}, SHOP)) == alone
    both = parse(RfmParams, {**given, "amount": " ", "quantity": "age", "price": "paid"}, SHOP)
    assert (both.amount, both.quantity, both.price) == (None, "age", "paid")


def test_the_same_question_has_one_canonical_form() -> None:
    assert canonical(ask(count="5", share="0.80", worth="")) == canonical(ask())
    assert list(canonical(ask())) == [each.name for each in fields(Asked)]


def test_roles_propose_columns_of_the_right_kind_only() -> None:
    roles = {"customer": "customer", "date": "note", "amount": "gone"}
    assert propose(Asked, SHOP, roles) == {"who": "customer"}


def test_describes_each_parameter_as_json() -> None:
    described = {each["name"]: each for each in describe(Asked)}
    json.dumps(described)
    assert described["count"]["bounds"] == [3, 10]
    assert described["how"]["choices"] == {"keep": "Keep", "exclude": "Leave out"}
    assert described["who"]["required"]
    assert described["who"]["help"] == "Who bought."
    assert described["who"]["role"] == "customer"
    assert not described["until"]["required"]


@pytest.mark.parametrize(
    ("answers", "matters"),
    [
        ({"loud": True, "how": "keep"}, True),
        ({"loud": True, "how": "exclude"}, False),
        ({"loud": False, "how": "keep"}, False),
        ({}, False),
    ],
)
def test_a_field_matters_when_all_it_depends_on_is_so(answers: dict[str, Any], matters: bool) -> None:
    some = next(each for each in fields(Asked) if each.name == "some")
    assert some.matters(answers) is matters


@pytest.mark.parametrize(
    ("text", "value"), [("null", None), ("[1, 2]", [1, 2]), ("[broken", "[broken"), ("5", "5"), ("", "")]
)
def test_command_line_values(text: str, value: Any) -> None:
    assert from_text(text) == value
