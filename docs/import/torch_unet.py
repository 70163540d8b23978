"""Keras-Unet's `custom_unet` in PyTorch, with contourd's names: its state_dict is `weights.safetensors` of a package.

    pip install torch safetensors
    python torch_unet.py trained.pt weights.safetensors

`trained.pt` is what `torch.save(model.state_dict(), ...)` of this class wrote. Other networks go the same way: name
the tensors as `contourctl` names them when it finds one missing.
"""
import argparse

import torch
from torch import nn


class Block(nn.Module):
    """Two 3 x 3 convolutions with ReLU, each followed by batch norm; dropout between them."""

    def __init__(self, channels, filters, batch_norm, dropout):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, filters, 3, padding=1, bias=not batch_norm)
        self.conv2 = nn.Conv2d(filters, filters, 3, padding=1, bias=not batch_norm)
        self.norm1 = nn.BatchNorm2d(filters, eps=1e-3) if batch_norm else nn.Identity()
        self.norm2 = nn.BatchNorm2d(filters, eps=1e-3) if batch_norm else nn.Identity()
        self.dropout = nn.Dropout2d(dropout)

    def forward(self, x):
        x = self.dropout(self.norm1(torch.relu(self.conv1(x))))
        return self.norm2(torch.relu(self.conv2(x)))


class Gate(nn.Module):
    """The attention gate of Oktay et al. as Keras-Unet builds it."""

    def __init__(self, skip, below):
        super().__init__()
        self.skip = nn.Conv2d(skip, below, 1)
        self.below = nn.Conv2d(below, below, 1)
        self.score = nn.Conv2d(below, 1, 1)

    def forward(self, skip, below):
        return skip * torch.sigmoid(self.score(torch.relu(self.skip(skip) + self.below(below))))


class Decoder(nn.Module):
    def __init__(self, below, filters, batch_norm, dropout, deconv, attention):
        super().__init__()
        self.up = nn.ConvTranspose2d(below, filters, 2, stride=2) if deconv else nn.Upsample(scale_factor=2)
        up = filters if deconv else below
        self.gate = Gate(filters, up) if attention else None
        self.block = Block(up + filters, filters, batch_norm, dropout)

    def forward(self, below, skip):
        below = self.up(below)
        return self.block(torch.cat([below, self.gate(skip, below) if self.gate else skip], 1))


class CustomUNet(nn.Module):
    def __init__(
        self, channels=1, classes=1, filters=16, layers=4, batch_norm=True, dropout=0.3, dropout_change_per_layer=0.0,
        dropout_on_upsampling=False, deconv=True, attention=False, softmax=False,
    ):
        super().__init__()
        rate = lambda level: dropout + dropout_change_per_layer * level
        widths = [filters << level for level in range(layers + 1)]
        inputs = [channels] + widths[:-2]
        self.encoder = nn.ModuleList(Block(i, o, batch_norm, rate(n)) for n, (i, o) in enumerate(zip(inputs, widths)))
        self.bottleneck = Block(widths[-2], widths[-1], batch_norm, rate(layers))
        self.decoder = nn.ModuleList(
            Decoder(widths[n + 1], widths[n], batch_norm, rate(n) if dropout_on_upsampling else 0, deconv, attention)
            for n in range(layers)
        )
        self.head = nn.Conv2d(filters, classes, 1)
        self.softmax = softmax

    def forward(self, x):
        skips = []
        for block in self.encoder:
            x = block(x)
            skips.append(x)
            x = nn.functional.max_pool2d(x, 2)
        x = self.bottleneck(x)
        for decoder, skip in reversed(list(zip(self.decoder, skips))):
            x = decoder(x, skip)
        x = self.head(x)
        return torch.softmax(x, 1) if self.softmax else torch.sigmoid(x)


def contourd_tensors(state):
    """A state_dict of CustomUNet by contourd's names."""
    names = {key: key.replace(".block.", ".") for key in state if not key.endswith("num_batches_tracked")}
    return {name: state[key].contiguous() for key, name in names.items()}


def load_contourd_tensors(model, tensors):
    """The way back."""
    state = {key: tensors[key.replace(".block.", ".")] for key in model.state_dict() if not key.endswith("num_batches_tracked")}
    model.load_state_dict(state, strict=False)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="PyTorch custom_unet to weights.safetensors")
    parser.add_argument("state")
    parser.add_argument("output")
    arguments = parser.parse_args()
    from safetensors.torch import save_file

    save_file(contourd_tensors(torch.load(arguments.state, weights_only=True)), arguments.output)
