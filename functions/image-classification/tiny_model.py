"""Write a stand-in for the real model and its classes, of the same shapes.

    python tiny_model.py [FOLDER]

It scores a photograph by its mean colour, with weights drawn once: good for trying the
way there and back, not for telling dogs.
"""

import sys
from pathlib import Path

import numpy
from onnx import TensorProto, helper, numpy_helper, save

CLASSES = 1000


def write_tiny_model(folder: Path) -> None:
    """Write onnx_model/resnet50.onnx and imagenet_classes.txt into `folder`."""
    weights = numpy.random.default_rng(0).normal(size=(3, CLASSES)).astype("float32")
    graph = helper.make_graph(
        [
            helper.make_node("GlobalAveragePool", ["image"], ["means"]),
            helper.make_node("Flatten", ["means"], ["colour"]),
            helper.make_node("MatMul", ["colour", "weights"], ["scores"]),
        ],
        "tiny",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 224, 224])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, CLASSES])],
        [numpy_helper.from_array(weights, "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    (folder / "onnx_model").mkdir(parents=True, exist_ok=True)
    save(model, folder / "onnx_model" / "resnet50.onnx")
    names = "".join(f"class {number}\n" for number in range(CLASSES))
    (folder / "imagenet_classes.txt").write_text(names, encoding="utf-8")


if __name__ == "__main__":
    write_tiny_model(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
