"""Tell how much two parties' lists have in common, and nothing else of them.

Input: over one connection, one list of each party, encrypted by that party for this function alone:

    {"party": "a name", "agreement": "a phrase that only the two parties know",
     "show": "size" or "values", "values": ["...", ...]}

Output: JSON. Of the first list {"waiting": true}, of the second {"size": 3}, and with "values"
those that are common, if both lists say so. Case and spaces at the ends do not count.
"""

import hmac
import json
import unicodedata

SHORTEST_AGREEMENT = 16
MOST_VALUES = 1_000_000

# The state of one connection: a worker is nobody else's as long as that lasts (cape.toml).
waiting: list[dict] = []


def cape_handler(input_bytes: bytes) -> str:
    ours = parse(input_bytes)
    if not waiting:
        waiting.append(ours)
        return json.dumps({"waiting": True})
    theirs = waiting.pop()
    if not hmac.compare_digest(ours["agreement"], theirs["agreement"]):
        raise PermissionError("the two lists have different agreements")
    if ours["party"] == theirs["party"]:
        raise ValueError("both lists are of one party")
    common = ours["values"] & theirs["values"]
    answer: dict = {"size": len(common)}
    if ours["show"] == theirs["show"] == "values":
        answer["values"] = sorted(common)
    return json.dumps(answer)


def parse(data: bytes) -> dict:
    """No error repeats what a list says: who calls need not be who wrote it."""
    try:
        fields = json.loads(data)
        party, agreement, show, values = (
            fields[name] for name in ("party", "agreement", "show", "values")
        )
        agreed, texts = agreement.encode(), [party, agreement, show, *values]
        if not isinstance(values, list) or not all(isinstance(each, str) for each in texts):
            raise TypeError
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise ValueError("a list is JSON with the texts party, agreement, show, values") from None
    if len(agreement) < SHORTEST_AGREEMENT:
        raise ValueError(f"an agreement has {SHORTEST_AGREEMENT} characters or more")
    if show not in ("size", "values"):
        raise ValueError('"show" is "size" or "values"')
    if len(values) > MOST_VALUES:
        raise ValueError(f"a list has {MOST_VALUES:,} values at most")
    plain = {unicodedata.normalize("NFKC", each).strip().casefold() for each in values}
    return {"party": party, "agreement": agreed, "show": show, "values": plain}
