"""Looking at the rows of a table: filters, an order that reaches deep, charts."""
