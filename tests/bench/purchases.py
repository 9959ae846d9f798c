"""Line-level purchases of any length, written row by row, with their own sums kept to the cent.

    order_id,line,customer_id,order_date,product,country,quantity,unit_price
    500000,1,004711,2023-04-01 09:12:33,"Kettle, 1.7 l",Portugal,2,34.90

Customer ids are digits with leading zeros, one order in a hundred has no customer, and a refund is a
line with a negative quantity. What RFM should find is counted here the plain way, in cents, by its
own definition: a refund is no purchase, a customer with nothing but refunds is left out.
"""

from __future__ import annotations

import datetime as dt
import random
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

FIRST_DAY = dt.date(2023, 1, 1)
DAYS = 730
HEADER = "order_id,line,customer_id,order_date,product,country,quantity,unit_price"
COUNTRIES = ("Portugal", "Spain", "France", "Germany", "Österreich", "Poland", "United Kingdom", "Norway")
THINGS = ("Kettle", "Lamp", "Mug", "Teapot", "Clock", "Frame", "Candle", "Basket", "Tray", "Jar")
PRODUCTS = 2_000


@dataclass(frozen=True, kw_only=True)
class Purchases:
    """What was written; money in cents, customers by their number, 0 where they bought nothing."""

    rows: int
    guests: int  # rows without a customer
    seen: int  # customers with any row at all
    quantity: int  # sum over all rows
    prices: int  # sum of unit prices over all rows
    refunds: int  # rows of a customer with a negative quantity
    refunded: int  # their sum
    orders: array[int]  # of each customer: orders with at least one purchase
    spent: array[int]  # refunds taken off
    last: array[int]  # days from FIRST_DAY to the last purchase

    @cached_property
    def buyers(self) -> list[int]:
        return [each for each, orders in enumerate(self.orders) if orders]

    @cached_property
    def revenue(self) -> int:
        return sum(self.spent[each] for each in self.buyers)

    @cached_property
    def last_day(self) -> int:
        """Days from FIRST_DAY to the last purchase of all; the day after it is the reference date."""
        return max(self.last[each] for each in self.buyers)

    def customers(self) -> Iterator[tuple[str, int, int, int]]:
        """Each buyer as RFM should see them: id, recency in days, orders, cents."""
        for each in self.buyers:
            yield f"{each:06d}", self.last_day + 1 - self.last[each], self.orders[each], self.spent[each]


def write(path: Path, rows: int, *, seed: int = 0) -> Purchases:
    """Write `rows` lines of orders by about `rows` / 10 customers to `path`, the same for the same seed."""
    draw = random.Random(seed)
    customers = max(2, rows // 10)
    assert customers <= 1_000_000, "six digits name a customer"
    products = [_product(number, draw) for number in range(PRODUCTS)]
    orders, spent, last = (array("q", bytes(8 * customers)) for _ in range(3))
    seen = bytearray(customers)
    guests = quantity_sum = prices = refunds = refunded = 0
    left, order = rows, 500_000
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        file.write(HEADER + "\n")
        while left:
            # The square makes some customers buy often and many once.
            who = None if draw.random() < 0.01 else int(customers * draw.random() ** 2)
            day = int(DAYS * draw.random())
            second = 28_800 + int(43_200 * draw.random())
            clock = f"{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"
            when = f"{FIRST_DAY + dt.timedelta(days=day)} {clock}"
            named = "" if who is None else f"{who:06d}"
            country = COUNTRIES[int(len(COUNTRIES) * draw.random() ** 2)]
            returned = 0.01 if draw.random() > 0.02 else 1.0  # now and then a whole order comes back
            lines, bought = min(left, 1 + int(6 * draw.random() ** 1.5)), False
            for line in range(1, lines + 1):
                product, price = products[int(PRODUCTS * draw.random() ** 3)]
                quantity = 1 + int(12 * draw.random() ** 4)
                if draw.random() < returned:
                    quantity = -quantity
                file.write(
                    f"{order},{line},{named},{when},{product},{country},{quantity},{price // 100}.{price % 100:02d}\n"
                )
                quantity_sum += quantity
                prices += price
                if who is None:
                    guests += 1
                    continue
                seen[who] = 1
                spent[who] += quantity * price
                if quantity < 0:
                    refunds += 1
                    refunded += quantity * price
                else:
                    bought = True
            if who is not None and bought:
                orders[who] += 1
                last[who] = max(last[who], day)
            left -= lines
            order += 1
    return Purchases(
        rows=rows, guests=guests, seen=sum(seen), quantity=quantity_sum, prices=prices, refunds=refunds,
        refunded=refunded, orders=orders, spent=spent, last=last,
    )  # fmt: skip


def _product(number: int, draw: random.Random) -> tuple[str, int]:
    """A name, quoted where it holds a comma, and a price in cents."""
    thing = THINGS[number % len(THINGS)]
    name = f'"{thing}, model {number}"' if number % 3 == 0 else f"{thing} {number}"
    return name, 95 + int(20_000 * draw.random() ** 3)
