"""Score an applicant for a loan.

Input: JSON, {"income": 42000, "debt": 9000, "years_employed": 4, "late_payments": 1,
"credit_lines": 3}; money by the year, in one currency. Output: JSON, {"probability": 0.11,
"decision": "refer", "reasons": ["late_payments", "debt"]}: how likely a default is, what follows,
and which fields speak against the applicant beside an average one, the heaviest first.
"""

import json

import joblib
import numpy as np

# In the order of the model's columns, each with the largest value that is taken for one.
FIELDS = {
    "income": 10_000_000,
    "debt": 100_000_000,
    "years_employed": 80,
    "late_payments": 1_000,
    "credit_lines": 1_000,
}
APPROVE_BELOW = 0.10
DECLINE_FROM = 0.30

model = joblib.load("model.joblib")
scale, regression = model[0], model[-1]


def cape_handler(input_bytes: bytes) -> str:
    row = parse(input_bytes)
    probability = float(model.predict_proba(row)[0, 1])
    weights = (scale.transform(row) * regression.coef_)[0]
    against = [name for weight, name in sorted(zip(-weights, FIELDS, strict=True)) if weight < 0]
    return json.dumps(
        {
            "probability": round(probability, 3),
            "decision": decision(probability),
            "reasons": against,
        }
    )


def decision(probability: float) -> str:
    if probability < APPROVE_BELOW:
        return "approve"
    return "refer" if probability < DECLINE_FROM else "decline"


def parse(data: bytes) -> np.ndarray:
    try:
        fields = json.loads(data)
        missing = FIELDS.keys() - fields.keys()
        other = fields.keys() - FIELDS.keys()
    except (ValueError, AttributeError, RecursionError):
        raise ValueError(f"an applicant is JSON with {', '.join(FIELDS)}") from None
    if missing or other:
        raise ValueError(f"missing: {sorted(missing)}, unknown: {sorted(other)}")
    for name, largest in FIELDS.items():
        value = fields[name]
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not 0 <= value <= largest
        ):
            raise ValueError(f"{name} is a number from 0 to {largest:,}")
    return np.array([[fields[name] for name in FIELDS]], dtype=float)
