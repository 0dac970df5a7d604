"""Check what `cape demo --json` printed: one object, every check held, the class right."""

import json
import sys
from pathlib import Path

EXPECTED_CHECKS = {
    "trust root",
    "measurements",
    "vault",
    "nonce",
    "age",
    "only the enclave opened it",
    "both answers are equal",
    "the code that ran is the code deployed",
}
TOP = 5

printed = json.loads(Path(sys.argv[1]).read_text("utf-8"))
data = printed["data"]
failed = [check["name"] for check in data["checks"] if not check["held"]]
missing = EXPECTED_CHECKS - {check["name"] for check in data["checks"]}
right = len(data["top"]) == TOP and data["top"][0]["label"] == data["image"]["label"]
if not (printed["ok"] and data["ok"] and data["steps"] and right and not failed and not missing):
    sys.exit(f"not proven: failed {failed}, missing {sorted(missing)}, class right: {right}")
seconds = sum(step["seconds"] for step in data["steps"])
print(f"cape demo --json: {len(data['checks'])} checks held, class right, {seconds:.1f} s of steps")
