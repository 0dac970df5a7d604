"""Writes model.onnx, beside this file. Needs what `pip install 'pycape[demo]'` installs."""

from pathlib import Path

from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

flowers = load_iris()
classifier = LogisticRegression(max_iter=1000).fit(flowers.data, flowers.target)
model = to_onnx(classifier, initial_types=[("flower", FloatTensorType([None, 4]))])
Path(__file__).with_name("model.onnx").write_bytes(model.SerializeToString())
