"""Write model.joblib, beside this file: how likely it is that an applicant does not pay back.

    python train.py [APPLICANTS.csv]

The file has a row of names, the five of app.py's FIELDS and `default` (0 or 1). Without one,
10,000 applicants are made up, by the rule below: with them the function can be tried, not used.
Needs the scikit-learn of requirements.txt, since another may read the model otherwise.
"""

import sys
from pathlib import Path

import joblib
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

FIELDS = ("income", "debt", "years_employed", "late_payments", "credit_lines")


def made_up(count: int) -> np.ndarray:
    """Return so many applicants, a row each, with `default` last."""
    draw = np.random.default_rng(0)
    income = draw.lognormal(10.6, 0.5, count).round(-2)
    debt = (income * draw.gamma(1.5, 0.25, count)).round(-2)
    years_employed = draw.gamma(2.0, 3.0, count).clip(0, 50).round()
    late_payments = draw.poisson(0.6, count)
    credit_lines = draw.poisson(3.0, count)
    score = -2.5 + 2.0 * debt / income + 0.8 * late_payments - 0.15 * years_employed
    default = draw.random(count) < 1 / (1 + np.exp(-score))
    return np.column_stack([income, debt, years_employed, late_payments, credit_lines, default])


def from_file(path: str) -> np.ndarray:
    table = np.genfromtxt(path, delimiter=",", names=True)
    return np.column_stack([table[name] for name in (*FIELDS, "default")])


if __name__ == "__main__":
    applicants = from_file(sys.argv[1]) if len(sys.argv) > 1 else made_up(10_000)
    train, held_out = train_test_split(applicants, test_size=0.25, random_state=0)
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(train[:, :-1], train[:, -1])
    joblib.dump(model, Path(__file__).with_name("model.joblib"))
    area = roc_auc_score(held_out[:, -1], model.predict_proba(held_out[:, :-1])[:, 1])
    print(f"trained on {len(train):,} applicants; area under the curve on others {area:.2f}")
