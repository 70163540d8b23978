"""Turns a Keras-Unet network (https://github.com/karolzak/keras-unet) into `weights.safetensors` of a model package.

    pip install keras-unet==0.1.2 tensorflow-cpu matplotlib safetensors numpy
    python keras_unet_to_safetensors.py trained.keras weights.safetensors --layers 4

Works for `custom_unet` with any options but `activation`, which must be relu, and for `vanilla_unet`, as trained and saved with Keras. `model.json` must
name the same options; docs/import.md shows the two beside each other.
"""
import argparse
import re

import numpy as np


def in_order_of_creation(model, kind):
    """Keras numbers the layers of a class as it makes them: conv2d, conv2d_1, conv2d_2 ..."""
    layers = [layer for layer in model.layers if type(layer).__name__ == kind]
    return iter(sorted(layers, key=lambda layer: int((re.search(r"_(\d+)$", layer.name) or [0, 0])[1])))


def convert(model, layers):
    """Tensors by contourd's names. `layers` is the number of poolings."""
    convolutions = in_order_of_creation(model, "Conv2D")
    upsamplings = in_order_of_creation(model, "Conv2DTranspose")
    norms = in_order_of_creation(model, "BatchNormalization")
    has_norm = any(type(layer).__name__ == "BatchNormalization" for layer in model.layers)
    has_deconv = any(type(layer).__name__ == "Conv2DTranspose" for layer in model.layers)
    has_gates = any(type(layer).__name__ == "Multiply" for layer in model.layers)
    tensors = {}

    def put(name, value):
        tensors[name] = np.ascontiguousarray(value, dtype=np.float32)

    def following(layers, name):
        layer = next(layers, None)
        if layer is None:
            raise SystemExit(f"the model has no {name}: --layers is the number of its poolings")
        return layer

    def convolution(name, hidden=False):
        layer = following(convolutions, name)
        activation = layer.get_config()["activation"]
        if hidden and activation != "relu":
            raise SystemExit(f"{layer.name} has the activation {activation}; contourd's custom_unet and vanilla_unet have relu")
        weights = layer.get_weights()
        put(name + ".weight", weights[0].transpose(3, 2, 0, 1))  # rows, columns, in, out -> out, in, rows, columns
        if len(weights) > 1:
            put(name + ".bias", weights[1])

    def norm(name):
        for key, value in zip(["weight", "bias", "running_mean", "running_var"], following(norms, name).get_weights()):
            put(f"{name}.{key}", value)

    def block(name):
        for number in (1, 2):
            convolution(f"{name}.conv{number}", hidden=True)
            if has_norm:
                norm(f"{name}.norm{number}")

    for level in range(layers):
        block(f"encoder.{level}")
    block("bottleneck")
    for level in reversed(range(layers)):
        name = f"decoder.{level}"
        if has_deconv:
            weights = following(upsamplings, name).get_weights()
            put(name + ".up.weight", weights[0].transpose(3, 2, 0, 1))  # rows, columns, out, in -> in, out, ...
            put(name + ".up.bias", weights[1])
        if has_gates:
            for part in ("skip", "below", "score"):
                convolution(f"{name}.gate.{part}")
        block(name)
    convolution("head")
    if any(True for rest in (convolutions, upsamplings, norms) for _ in rest):
        raise SystemExit("the model has more layers than a Keras-Unet of this depth: --layers is the number of its poolings")
    return tensors


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Keras-Unet to weights.safetensors")
    parser.add_argument("model")
    parser.add_argument("output")
    parser.add_argument("--layers", type=int, default=4, help="number of poolings (num_layers)")
    arguments = parser.parse_args()
    import keras
    from safetensors.numpy import save_file

    save_file(convert(keras.models.load_model(arguments.model, compile=False), arguments.layers), arguments.output)
