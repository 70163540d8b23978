"""Writes networks.safetensors: the V-Net and nnU-Net's U-Net in PyTorch (CPU, float32), with contourd's names.

Run: pip install -r requirements.txt; python make_networks.py
For each network `name.initial.*` weights, `name.input`, `name.target`, `name.output` and `name.gradient.*` of the first
step, `name.losses` of ten steps, `name.evaluated` afterwards.
"""
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

torch.use_deterministic_algorithms(True)


class Functional:
    """Makes parameters by name as a forward pass asks for them."""

    def __init__(self, dimensions):
        self.d = dimensions
        self.parameters, self.buffers = {}, {}

    def get(self, name, shape, low, high):
        if name not in self.parameters:
            self.parameters[name] = torch.empty(shape).uniform_(low, high).requires_grad_()
        return self.parameters[name]

    def weight(self, name, shape):
        bound = (6 / (shape[1] * torch.tensor(shape[2:]).prod().item())) ** 0.5
        return self.get(name + ".weight", shape, -bound, bound)

    def bias(self, name, n):
        return self.get(name + ".bias", (n,), -0.2, 0.2)

    def conv(self, name, x, out, kernel, stride=1):
        kernel = (kernel,) * self.d if isinstance(kernel, int) else tuple(kernel)
        same = stride == 1 or any(k % 2 for k in kernel)
        padding = tuple((k - 1) // 2 if same else 0 for k in kernel)
        f = F.conv2d if self.d == 2 else F.conv3d
        return f(x, self.weight(name, (out, x.shape[1]) + kernel), self.bias(name, out), stride, padding)

    def up(self, name, x, out, stride):
        stride = (stride,) * self.d if isinstance(stride, int) else tuple(stride)
        f = F.conv_transpose2d if self.d == 2 else F.conv_transpose3d
        return f(x, self.weight(name, (x.shape[1], out) + stride), self.bias(name, out), stride)

    def norm(self, name, x, kind, training):
        c = x.shape[1]
        w, b = self.get(name + ".weight", (c,), 0.5, 1.5), self.bias(name, c)
        if kind == "instance":
            return F.instance_norm(x, weight=w, bias=b, eps=1e-5)
        if kind == "group":
            return F.group_norm(x, min(8, c), w, b, 1e-5)
        mean = self.buffers.setdefault(name + ".running_mean", torch.zeros(c))
        var = self.buffers.setdefault(name + ".running_var", torch.ones(c))
        return F.batch_norm(x, mean, var, w, b, training, 0.1, 1e-5)

    def prelu(self, name, x):
        return F.prelu(x, self.get(name + ".weight", (x.shape[1],), 0.1, 0.4))


class VNet(Functional):
    def __init__(self, dimensions, outputs, filters=16, layers=4, kernel=5, norm="none"):
        super().__init__(dimensions)
        self.outputs, self.filters, self.layers, self.kernel, self.kind = outputs, filters, layers, kernel, norm

    def normed(self, name, x, training):
        return x if self.kind == "none" else self.norm(name + ".norm", x, self.kind, training)

    def residual(self, name, x, filters, count, training):
        inside = x
        for n in range(1, count + 1):
            inside = self.conv(f"{name}.conv{n}", inside, filters, self.kernel)
            inside = self.normed(f"{name}.conv{n}", inside, training)
            if n == count:
                inside = inside + x
            inside = self.prelu(f"{name}.prelu{n}", inside)
        return inside

    def __call__(self, x, training=True):
        skips = []
        count = lambda level: min(level + 1, 3)
        for level in range(self.layers + 1):
            name, filters = f"encoder.{level}", self.filters << level
            if level:
                x = self.conv(name + ".down", x, filters, 2, 2)
                x = self.prelu(name + ".down.prelu", self.normed(name + ".down", x, training))
            elif x.shape[1] > 1:
                x = self.conv(name + ".project", x, filters, 1)
            x = self.residual(name, x, filters, count(level), training)
            skips.append(x)
        for level in reversed(range(self.layers)):
            name = f"decoder.{level}"
            x = self.up(name + ".up", x, self.filters << level, 2)
            x = self.prelu(name + ".up.prelu", self.normed(name + ".up", x, training))
            x = torch.cat([x, skips[level]], 1)
            x = self.residual(name, x, self.filters << (level + 1), count(level), training)
        return [torch.softmax(self.conv("head", x, self.outputs, 1), 1)]


class PlainConvUNet(Functional):
    def __init__(self, dimensions, outputs, filters, maximum, layers, norm, strides=None, kernels=None):
        super().__init__(dimensions)
        self.outputs, self.layers, self.kind = outputs, layers, norm
        self.features = [min(filters << n, maximum) for n in range(layers + 1)]
        self.strides = strides or [[2] * dimensions] * layers
        self.kernels = kernels or [[3] * dimensions] * (layers + 1)

    def level(self, name, x, level, stride, training):
        for n in (1, 2):
            x = self.conv(f"{name}.conv{n}", x, self.features[level], self.kernels[level], tuple(stride) if n == 1 else 1)
            x = F.leaky_relu(self.norm(f"{name}.norm{n}", x, self.kind, training), 0.01)
        return x

    def __call__(self, x, training=True):
        skips, results = [], []
        for level in range(self.layers + 1):
            stride = [1] * self.d if level == 0 else self.strides[level - 1]
            x = self.level(f"encoder.{level}", x, level, stride, training)
            skips.append(x)
        for level in reversed(range(self.layers)):
            x = self.up(f"decoder.{level}.up", x, self.features[level], self.strides[level])
            x = self.level(f"decoder.{level}", torch.cat([x, skips[level]], 1), level, [1] * self.d, training)
            if level < self.layers - 1 or level == 0:
                name = f"decoder.{level}.head" if level else "head"
                results.insert(0, torch.softmax(self.conv(name, x, self.outputs, 1), 1))
        return results


def loss_of(results, t):
    weights = [0.5**n for n in range(len(results))]
    total = 0
    for p, w in zip(results, weights):
        factor = [a // b for a, b in zip(t.shape[2:], p.shape[2:])]
        target = (F.avg_pool2d if t.dim() == 4 else F.avg_pool3d)(t, factor)
        axes = (0,) + tuple(range(2, t.dim()))
        dice = 1 - ((2 * (p * target).sum(axes) + 1e-5) / (p.sum(axes) + target.sum(axes) + 1e-5)).mean()
        total = total + w / sum(weights) * (dice - (target * p.log()).sum(1).mean())
    return total


def train(out, name, model, channels, extent):
    x = torch.randn(2, channels, *extent)
    classes = torch.randint(0, model.outputs, (2,) + tuple(extent))
    t = F.one_hot(classes, model.outputs).movedim(-1, 1).float().contiguous()
    model(x)  # makes the parameters
    if model.buffers:
        for key, b in model.buffers.items():
            b.fill_(1.0 if key.endswith("var") else 0.0)
    out.update({f"{name}.input": x, f"{name}.target": t})
    everything = {**model.parameters, **model.buffers}
    out.update({f"{name}.initial.{k}": v.detach().clone() for k, v in everything.items()})
    optimizer = torch.optim.SGD(list(model.parameters.values()), lr=0.01, momentum=0.99, nesterov=True, weight_decay=3e-5)
    losses = []
    for step in range(10):
        optimizer.zero_grad()
        results = model(x)
        loss = loss_of(results, t)
        loss.backward()
        if step == 0:
            out[f"{name}.output"] = results[0].detach().clone()
            out.update({f"{name}.gradient.{k}": v.grad.clone() for k, v in model.parameters.items()})
        torch.nn.utils.clip_grad_norm_(list(model.parameters.values()), 12)
        optimizer.step()
        losses.append(loss.item())
    out[f"{name}.losses"] = torch.tensor(losses)
    out[f"{name}.evaluated"] = model(x, training=False)[0].detach().clone()
    print(name, losses)


def main():
    torch.manual_seed(23)
    out = {}
    train(out, "v_net", VNet(3, 2, filters=2, layers=2, kernel=3), 1, (8, 8, 12))
    train(out, "v_net.batch", VNet(2, 2, filters=2, layers=2, kernel=5, norm="batch"), 2, (12, 16))
    train(out, "unet3d", PlainConvUNet(3, 3, 3, 6, 3, "instance"), 1, (8, 16, 8))
    flat = dict(strides=[[1, 2, 2], [2, 2, 2]], kernels=[[1, 3, 3], [3, 3, 3], [3, 3, 3]])
    train(out, "unet3d.flat", PlainConvUNet(3, 2, 3, 4, 2, "batch", **flat), 1, (4, 12, 8))
    train(out, "unet2d", PlainConvUNet(2, 2, 8, 8, 2, "group"), 1, (16, 24))
    save_file({k: v.contiguous() for k, v in out.items()}, "networks.safetensors")


main()
