import pytest

pytestmark = pytest.mark.network


def test_a_table_is_described(run):
    report = run(b"name,size,ok\nb,1,True\na,2,False\nb,,True\nc,4,True\nd,5,\n").decode()
    head, numbers, names, truth = report.rstrip("\n").split("\n\n")
    assert head == "5 rows, 3 columns"
    labels, values = (line.split() for line in numbers.splitlines())
    assert labels == ["count", "missing", "mean", "std", "min", "25%", "50%", "75%", "max"]
    assert values == ["size", "4", "1", "3.00", "1.83", "1.00", "1.75", "3.00", "4.25", "5.00"]
    assert names.splitlines()[0] == "name: 4 different values, 0 missing"
    assert [line.split() for line in names.splitlines()[1:]] == [["2", "b"], ["1", "a"], ["1", "c"]]
    assert truth.splitlines()[0] == "ok: 2 different values, 1 missing"


def test_a_table_without_numbers_or_rows(run):
    assert run(b"name\n").decode() == "0 rows, 1 columns\n\nname: 0 different values, 0 missing\n"


def test_what_is_no_table_is_refused(refusal):
    assert refusal(b"") == "ValueError: this is no CSV: No columns to parse from file"
    assert refusal(b"a,b\n1,2,3\n4,5,6,7\n").startswith(
        "ValueError: this is no CSV: Error tokenizing"
    )
    assert refusal(b"a\n\xff\n").startswith("ValueError: this is no CSV: 'utf-8' codec")
    assert refusal(b"a," * 501) == "ValueError: the table has 502 columns; 500 at most are read"
