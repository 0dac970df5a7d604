"""Describe a table: what is in each of its columns.

Input: CSV with a row of names, UTF-8, at most 32 MiB. Output: a report as text: the size, for each
column of numbers how many there are, mean, deviation and quartiles, for each other column how many
different values it has and the three that come most often.
"""

import io

import pandas as pd

LIMIT = 32 << 20
COLUMNS = 500
COMMONEST = 3
WIDEST = 24


def cape_handler(input_bytes: bytes) -> str:
    if len(input_bytes) > LIMIT:
        raise ValueError(f"the table has {len(input_bytes):,} bytes; {LIMIT:,} at most are read")
    try:
        table = pd.read_csv(io.BytesIO(input_bytes))
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise ValueError(f"this is no CSV: {error}") from None
    if len(table.columns) > COLUMNS:
        raise ValueError(
            f"the table has {len(table.columns):,} columns; {COLUMNS} at most are read"
        )
    numbers = table.select_dtypes("number")
    parts = [f"{len(table):,} rows, {len(table.columns):,} columns"]
    if len(numbers.columns):
        parts.append(about_numbers(numbers))
    parts += [about_texts(table[name]) for name in table.columns if name not in numbers]
    return "\n\n".join(parts) + "\n"


def about_numbers(numbers: pd.DataFrame) -> str:
    summary = numbers.describe().T
    summary["count"] = summary["count"].astype(int)
    summary.insert(1, "missing", len(numbers) - summary["count"])
    return summary.to_string(float_format="{:,.2f}".format)


def about_texts(column: pd.Series) -> str:
    counts = column.value_counts()
    head = f"{column.name}: {len(counts):,} different values, {column.isna().sum():,} missing"
    # Of those that come equally often, the first in the alphabet.
    commonest = sorted(counts.items(), key=lambda pair: (-pair[1], str(pair[0])))[:COMMONEST]
    return "\n".join([head, *(f"  {count:8,}  {value!s:.{WIDEST}}" for value, count in commonest)])
