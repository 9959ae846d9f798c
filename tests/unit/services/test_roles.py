"""Roles are proposed by type and whole words of the name."""

import csv
import re
from pathlib import Path

import pytest

from services.roles import ROLES, fitting, propose, words
from services.schema import ColumnType, Kind, Schema

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data"


def proposed(**kinds: Kind | dict[str, Kind]) -> dict[str, str]:
    """What is proposed for columns given as name=kind."""
    return propose(Schema(tuple(ColumnType(name=name, kind=kind, sql="") for name, kind in kinds.items())))


def only(found: dict[str, str], *roles: str) -> dict[str, str | None]:
    return {role: found.get(role) for role in roles}


PURCHASE = ("customer", "date", "amount", "quantity", "price", "order")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("CustomerID", ["customer", "id"]),
        ("customer_id", ["customer", "id"]),
        ("Customer ID", ["customer", "id"]),
        ("cus-to-mer", ["cus", "to", "mer"]),
        ("InvoiceNo", ["invoice", "no"]),
        ("SKUCode2", ["sku", "code", "2"]),
        ("Größe", ["gr", "öß", "e"]),
        ("", []),
    ],
)
def test_names_fall_into_words(name: str, said: list[str]) -> None:
    assert words(name) == said


SHOPS = {
    "Online Retail II": (
        {
            "Invoice": "text", "StockCode": "text", "Description": "text", "Quantity": "integer",
            "InvoiceDate": "datetime", "Price": "decimal", "Customer ID": "integer", "Country": "category",
        },
        {"customer": "Customer ID", "date": "InvoiceDate", "quantity": "Quantity", "price": "Price",
         "order": "Invoice", "item": "StockCode", "group": "Country"},
    ),
    "Online Retail": (
        {
            "InvoiceNo": "text", "StockCode": "text", "Description": "text", "Quantity": "integer",
            "InvoiceDate": "datetime", "UnitPrice": "decimal", "CustomerID": "identifier", "Country": "category",
        },
        {"customer": "CustomerID", "date": "InvoiceDate", "quantity": "Quantity", "price": "UnitPrice",
         "order": "InvoiceNo", "item": "StockCode"},
    ),
    "Complete Journey": (
        {
            "household_id": "integer", "store_id": "integer", "basket_id": "integer", "product_id": "integer",
            "quantity": "integer", "sales_value": "decimal", "retail_disc": "decimal", "coupon_disc": "decimal",
            "coupon_match_disc": "decimal", "week": "integer", "transaction_timestamp": "datetime",
        },
        {"customer": "household_id", "date": "transaction_timestamp", "amount": "sales_value",
         "quantity": "quantity", "order": "basket_id", "item": "product_id"},
    ),
    "AdventureWorksDW": (
        {
            "SalesOrderNumber": "text", "OrderDate": "date", "CustomerKey": "integer", "ProductKey": "integer",
            "OrderQuantity": "integer", "UnitPrice": "decimal", "SalesAmount": "decimal", "TaxAmt": "decimal",
            "Freight": "decimal", "DueDate": "date", "ShipDate": "date",
        },
        {"customer": "CustomerKey", "date": "OrderDate", "amount": "SalesAmount", "quantity": "OrderQuantity",
         "price": "UnitPrice", "order": "SalesOrderNumber", "item": "ProductKey"},
    ),
    "AdventureWorks": (
        {
            "SalesOrderID": "integer", "RevisionNumber": "integer", "DueDate": "datetime", "OrderDate": "datetime",
            "ShipDate": "datetime", "Status": "integer", "CustomerID": "integer", "SubTotal": "decimal",
            "TaxAmt": "decimal",
        },
        {"customer": "CustomerID", "date": "OrderDate", "amount": "SubTotal", "order": "SalesOrderID"},
    ),
    "Shopify": (
        {
            "Name": "text", "Customer": "text", "Financial Status": "category", "Created at": "datetime",
            "Updated at": "datetime", "Subtotal": "decimal", "Shipping": "decimal", "Discount Amount": "decimal",
            "Lineitem quantity": "integer", "Lineitem price": "decimal",
        },
        {"customer": "Customer", "date": "Created at", "amount": "Subtotal", "quantity": "Lineitem quantity",
         "price": "Lineitem price"},
    ),
    "Superstore": (
        {
            "Row ID": "integer", "Order ID": "text", "Order Date": "date", "Ship Date": "date",
            "Customer ID": "text", "Customer Name": "text", "Segment": "category", "City": "category",
            "Product ID": "text", "Product Name": "text", "Sales": "decimal", "Quantity": "integer",
            "Discount": "decimal", "Profit": "decimal",
        },
        {"customer": "Customer ID", "date": "Order Date", "amount": "Sales", "quantity": "Quantity",
         "order": "Order ID", "item": "Product ID"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("shop", SHOPS)
def test_typical_shops_are_understood(shop: str) -> None:
    columns, expected = SHOPS[shop]
    found = proposed(**columns)
    assert only(found, *PURCHASE, *expected) == {**dict.fromkeys(PURCHASE), **expected}


@pytest.mark.parametrize("shop", SHOPS)
def test_the_order_of_the_columns_does_not_matter_here(shop: str) -> None:
    columns, _ = SHOPS[shop]
    found, turned = proposed(**columns), proposed(**dict(reversed(columns.items())))
    assert {role: name for role, name in found.items() if role in PURCHASE} == {
        role: name for role, name in turned.items() if role in PURCHASE
    }


REAL = {
    "rfm/grocery_orders.csv": ("customer_id", "order_date", "amount", None, None, "order_id"),
    "cohort/bike_shop_orders.csv": ("customer_id", "order_date", "amount", None, None, "order_id"),
    "basket/grocery_baskets.csv": (None, "date", None, None, None, "basket_id"),
    "classification/telco_churn.csv": ("customerID", None, "TotalCharges", None, None, None),
    "report/gapminder.csv": (None,) * 6,
    "arima/co2_monthly.csv": (None, "date", None, None, None, None),
    "prophet/us_births_daily.csv": (None, "ds", None, None, None, None),
    "regression/bike_day.csv": (None, "date", None, None, None, None),
    "topics/arxiv_abstracts.csv": (None,) * 6,
}


@pytest.mark.skipif(not SHARED.exists(), reason="the folder of shared data is not here")
@pytest.mark.parametrize("file", REAL)
def test_real_files_get_their_roles_and_no_others(file: str) -> None:
    with (SHARED / file).open(encoding="utf-8") as lines:
        head, first = (row for row, _ in zip(csv.reader(lines), range(2), strict=False))
    found = proposed(**{name: _kind(value) for name, value in zip(head, first, strict=True)})
    assert only(found, *PURCHASE) == dict(zip(PURCHASE, REAL[file], strict=True))


def _kind(value: str) -> Kind:
    if re.match(r"\d{4}-\d\d-\d\d", value):
        return "date"
    if value.isdigit():
        return "integer"
    return "decimal" if value.replace(".", "", 1).isdigit() else "text"


@pytest.mark.parametrize(
    ("name", "kind", "role"),
    [
        ("cus-to-mer", "text", "customer"),
        ("customer_since", "text", "customer"),
        ("customer_age", "integer", "customer"),
        ("customer", "date", "customer"),
        ("customer", "decimal", "customer"),
        ("notes", "text", "order"),
        ("border", "text", "order"),
        ("order_status", "category", "order"),
        ("order_total", "integer", "order"),
        ("churn_date", "date", "amount"),
        ("churn_date", "date", "order"),
        ("amount", "text", "amount"),
        ("total_items", "integer", "amount"),
        ("discount_amount", "decimal", "amount"),
        ("paramount", "decimal", "amount"),
        ("price", "text", "price"),
        ("total_price", "decimal", "price"),
        ("quantity_id", "integer", "quantity"),
        ("salary", "decimal", "target"),
        ("date", "text", "date"),
        ("latitude", "decimal", "date"),
    ],
)
def test_parts_of_words_wrong_types_and_other_meanings_are_not_taken(name: str, kind: Kind, role: str) -> None:
    assert role not in proposed(**{name: kind})


@pytest.mark.parametrize("other", ["churn_date", "birth_date", "ship_date", "due_date", "delivery_date", "updated_at"])
def test_the_date_of_something_else_gives_way_to_the_date_of_the_order(other: str) -> None:
    assert proposed(**{other: "date", "order_date": "date"})["date"] == "order_date"
    assert "date" not in proposed(**{other: "date", "another": "date"})


def test_the_only_date_is_the_date_whatever_its_name() -> None:
    assert proposed(ds="date", y="decimal")["date"] == "ds"


def test_no_columns_no_roles() -> None:
    assert proposed() == {}


def test_only_known_roles_are_proposed() -> None:
    assert {role for columns, _ in SHOPS.values() for role in proposed(**columns)} <= set(ROLES)


def test_only_columns_of_a_fitting_type_are_offered_and_any_for_the_target() -> None:
    kinds: dict[str, Kind] = {"id": "identifier", "day": "date", "paid": "decimal", "pieces": "integer", "ok": "flag"}
    table = Schema(tuple(ColumnType(name=name, kind=kind, sql="") for name, kind in kinds.items()))
    assert fitting("date", table) == ["day"]
    assert fitting("amount", table) == ["paid", "pieces"]
    assert fitting("customer", table) == ["id", "pieces"]
    assert fitting("target", table) == list(kinds)
    assert all(
        propose(table).get(role, name) in fitting(role, table) for role in ROLES for name in fitting(role, table)
    )
