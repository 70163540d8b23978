"""Writes what Keras-Unet itself and the same network in PyTorch compute with the same weights (CPU, float32).

Run: pip install -r ../neuralnet/requirements.txt; python make_goldens.py
One file a network: the weights as the scripts of docs/import export them, `input` N C H W, `keras` and `torch` outputs.
"""
import os
import sys

import keras
import numpy as np
import tensorflow
import torch
from keras_unet.models import custom_unet, vanilla_unet
from safetensors.numpy import save_file

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../docs/import"))
from keras_unet_to_safetensors import convert
from torch_unet import CustomUNet, load_contourd_tensors

# Keras 3 has no `get_shape`, which the attention gate of keras-unet 0.1.2 asks for.
keras.KerasTensor.get_shape = lambda tensor: tensorflow.TensorShape(tensor.shape)

CASES = {
    "plain": (dict(num_classes=1, filters=4, num_layers=3), {}),
    "gates": (
        dict(num_classes=3, filters=4, num_layers=2, use_attention=True, use_dropout_on_upsampling=True,
             dropout_change_per_layer=0.1, output_activation="softmax"),
        dict(classes=3, layers=2, attention=True, dropout_on_upsampling=True, dropout_change_per_layer=0.1, softmax=True),
    ),
    "simple": (
        dict(num_classes=2, filters=4, num_layers=2, use_attention=True, upsample_mode="simple", use_batch_norm=False,
             dropout_type="standard"),
        dict(classes=2, layers=2, attention=True, deconv=False, batch_norm=False),
    ),
}


def randomise(model, random):
    """Weights and statistics as a training leaves them: none is at its start."""
    for layer in model.layers:
        values = layer.get_weights()
        if type(layer).__name__ == "BatchNormalization":
            shape = values[0].shape
            values = [random.uniform(0.5, 1.5, shape), random.normal(0, 0.3, shape), random.normal(0.3, 0.2, shape),
                      random.uniform(0.3, 1.5, shape)]
        elif len(values) > 1:
            values[1] = random.normal(0, 0.2, values[1].shape)
        layer.set_weights(values)


def main():
    keras.utils.set_random_seed(17)
    random = np.random.default_rng(17)
    for name, (options, torch_options) in CASES.items():
        model = custom_unet(input_shape=(24, 32, 2), **options)
        randomise(model, random)
        x = random.random((2, 24, 32, 2), dtype=np.float32)
        tensors = convert(model, options["num_layers"])
        peer = CustomUNet(channels=2, **{"filters": 4, "layers": 3, **torch_options}).eval()
        load_contourd_tensors(peer, {k: torch.from_numpy(v) for k, v in tensors.items()})
        picture = np.ascontiguousarray(x.transpose(0, 3, 1, 2))
        tensors["input"] = picture
        tensors["keras"] = np.ascontiguousarray(model.predict(x, verbose=0).transpose(0, 3, 1, 2))
        tensors["torch"] = peer(torch.from_numpy(picture)).detach().numpy()
        print(name, np.abs(tensors["keras"] - tensors["torch"]).max())
        save_file(tensors, f"{name}.safetensors")
    # Unpadded: 44 x 60 become 4 x 20.
    model = vanilla_unet(input_shape=(44, 60, 1), num_classes=1, filters=4, num_layers=2)
    randomise(model, random)
    x = random.random((1, 44, 60, 1), dtype=np.float32)
    tensors = convert(model, 2)
    tensors["input"] = np.ascontiguousarray(x.transpose(0, 3, 1, 2))
    tensors["keras"] = np.ascontiguousarray(model.predict(x, verbose=0).transpose(0, 3, 1, 2))
    save_file(tensors, "vanilla.safetensors")


main()
