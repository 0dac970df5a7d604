"""Write model.onnx, and with samples/ images that the model never saw, beside this file.

The images are scikit-learn's digits: 1,797 scans of 8 x 8 pixels, of which a quarter is held out.
Needs what `pip install 'pycape[demo]' pillow` installs; takes a few seconds.
"""

import warnings
from pathlib import Path

import numpy as np
from PIL import Image
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

FOLDER = Path(__file__).parent
SCALE = 16  # ink is 0 to 16 there, 0 to 1 here

images, labels = load_digits(return_X_y=True)
images, held_images, labels, held_labels = train_test_split(
    images / SCALE, labels, test_size=0.25, random_state=0, stratify=labels
)
network = MLPClassifier(hidden_layer_sizes=(128,), max_iter=100, random_state=0)
# For matrices this small, several threads take longer than one.
with warnings.catch_warnings(), threadpool_limits(1):
    warnings.simplefilter("ignore", ConvergenceWarning)  # 100 passes are meant
    network.fit(images, labels)
model = to_onnx(
    network,
    initial_types=[("image", FloatTensorType([None, images.shape[1]]))],
    options={"zipmap": False},
    target_opset={"": 18, "ai.onnx.ml": 3},
)
(FOLDER / "model.onnx").write_bytes(model.SerializeToString())
print(f"{network.score(held_images, held_labels):.1%} of {len(held_labels)} held-out images")

(FOLDER / "samples").mkdir(exist_ok=True)
for digit in range(10):
    ink = held_images[held_labels == digit][0].reshape(8, 8)
    paper = Image.fromarray(np.uint8(255 * (1 - ink)))
    paper.resize((128, 128), Image.Resampling.NEAREST).save(FOLDER / "samples" / f"{digit}.png")
