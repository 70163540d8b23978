"""Writes operators.safetensors, losses.safetensors and optimizers.safetensors with PyTorch and Keras (CPU, float32).

Run: pip install -r requirements.txt; python make_operators.py
One group of tensors a row of the table in OperatorTable.swift: `name.x0`, `name.x1` inputs, `name.<parameter>`,
`name.y` result, `name.g` its gradient, `name.dx0` and `name.d<parameter>` the gradients.
"""
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

torch.use_deterministic_algorithms(True)
P = (2, 3, 6, 7)  # a picture: neither side is a whole number of vectors
V = (2, 2, 4, 5, 6)  # a volume


def clean(t):
    return t.detach().clone().contiguous()


def row(out, name, function, shapes, parameters=None, positive=False):
    """Runs `function(inputs, parameters)` forwards and backwards."""
    inputs = [torch.randn(s, requires_grad=True) for s in shapes]
    parameters = {k: v.requires_grad_(v.is_floating_point() and not k.startswith("running")) for k, v in (parameters or {}).items()}
    for k, v in parameters.items():
        out[f"{name}.{k}"] = clean(v)
    y = function(inputs, parameters)
    g = torch.randn_like(y)
    y.backward(g)
    out.update({f"{name}.y": clean(y), f"{name}.g": clean(g)})
    for n, x in enumerate(inputs):
        out.update({f"{name}.x{n}": clean(x), f"{name}.dx{n}": clean(x.grad)})
    for k, v in parameters.items():
        out[f"{name}.after.{k}" if k.startswith("running") else f"{name}.d{k}"] = clean(v if k.startswith("running") else v.grad)


def operators():
    torch.manual_seed(3)
    out = {}

    def conv(name, shape, o, kernel, bias=True, **options):
        d = len(shape) - 2
        kernel = (kernel,) * d if isinstance(kernel, int) else kernel
        p = {"weight": torch.randn(o, shape[1], *kernel)}
        if bias:
            p["bias"] = torch.randn(o)
        f = F.conv2d if d == 2 else F.conv3d
        row(out, name, lambda x, p: f(x[0], p["weight"], p.get("bias"), **options), [shape], p)

    conv("conv2d", P, 5, 3, padding=1)
    conv("conv2d.wide", (1, 2, 4, 51), 3, 3, padding=1)
    conv("conv2d.valid", P, 4, 3)
    conv("conv2d.full", P, 4, 3, padding=2)
    conv("conv2d.k5s2", P, 4, 5, stride=2, padding=2)
    conv("conv2d.dilated", P, 4, 3, padding=2, dilation=2)
    conv("conv2d.1x1", P, 5, 1, bias=False)
    conv("conv2d.k2s2", P, 4, 2, stride=2)
    conv("conv2d.k3s2", P, 4, 3, stride=2, padding=1)
    conv("conv2d.uneven", P, 4, (1, 5), stride=(2, 1), padding=(1, 3), dilation=(1, 2))
    conv("conv3d", V, 3, 3, padding=1)
    conv("conv3d.valid", V, 3, 3)
    conv("conv3d.flat", V, 3, (1, 3, 3), padding=(0, 1, 1))
    conv("conv3d.k3s2", V, 3, 3, stride=2, padding=1)
    conv("conv3d.k2s122", V, 3, (1, 2, 2), stride=(1, 2, 2))
    conv("conv3d.k5", V, 2, 5, padding=2)
    conv("conv3d.dilated", V, 2, 3, padding=2, dilation=2)
    conv("conv3d.1x1", V, 3, 1)

    def transposed(name, shape, o, kernel, bias=True, **options):
        d = len(shape) - 2
        kernel = (kernel,) * d if isinstance(kernel, int) else kernel
        p = {"weight": torch.randn(shape[1], o, *kernel)}
        if bias:
            p["bias"] = torch.randn(o)
        f = F.conv_transpose2d if d == 2 else F.conv_transpose3d
        row(out, name, lambda x, p: f(x[0], p["weight"], p.get("bias"), **options), [shape], p)

    transposed("transposed2d.k2s2", P, 4, 2, stride=2)
    transposed("transposed2d.k3s2", P, 2, 3, stride=2, padding=1)
    transposed("transposed2d.k4s2", P, 2, 4, stride=2, padding=1, bias=False)
    transposed("transposed3d.k2s2", V, 3, 2, stride=2)
    transposed("transposed3d.k122", V, 3, (1, 2, 2), stride=(1, 2, 2))
    transposed("transposed3d.k3s2", V, 2, 3, stride=2, padding=1)

    def norm(name, shape, kind):
        c = shape[1]
        p = {"weight": torch.rand(c) + 0.5, "bias": torch.randn(c)}
        if kind == "batch":
            p.update(running_mean=torch.randn(c), running_var=torch.rand(c) + 0.5)
            f = lambda x, p: F.batch_norm(x[0], p["running_mean"], p["running_var"], p["weight"], p["bias"], True, 0.1, 1e-3)
        elif kind == "instance":
            f = lambda x, p: F.instance_norm(x[0], weight=p["weight"], bias=p["bias"], eps=1e-5)
        else:
            f = lambda x, p: F.group_norm(x[0], 2, p["weight"], p["bias"], 1e-5)
        row(out, name, f, [shape], p)

    for d, shape, groups in [("2d", P, (2, 4, 6, 7)), ("3d", V, (2, 4, 3, 4, 5))]:
        norm(f"batchNorm{d}", shape, "batch")
        norm(f"instanceNorm{d}", shape, "instance")
        norm(f"groupNorm{d}", groups, "group")
        row(out, f"relu{d}", lambda x, p: F.relu(x[0]), [shape])
        row(out, f"leakyReLU{d}", lambda x, p: F.leaky_relu(x[0], 0.01), [shape])
        row(out, f"prelu{d}", lambda x, p: F.prelu(x[0], p["weight"]), [shape], {"weight": torch.rand(shape[1])})
        row(out, f"sigmoid{d}", lambda x, p: torch.sigmoid(x[0]), [shape])
        row(out, f"softmax{d}", lambda x, p: torch.softmax(x[0], 1), [shape])
        row(out, f"concatenation{d}", lambda x, p: torch.cat(x, 1), [shape, (2, 1) + shape[2:]])
        row(out, f"addition{d}", lambda x, p: x[0] + x[1], [shape, shape])
        row(out, f"addition{d}.broadcast", lambda x, p: x[0] + x[1], [shape, (2, 1) + shape[2:]])
        row(out, f"multiplication{d}", lambda x, p: x[0] * x[1], [shape, shape])
        row(out, f"multiplication{d}.broadcast", lambda x, p: x[0] * x[1], [shape, (2, 1) + shape[2:]])

    row(out, "maxPool2d", lambda x, p: F.max_pool2d(x[0], 2), [(2, 3, 6, 8)])
    row(out, "maxPool2d.k3s2", lambda x, p: F.max_pool2d(x[0], 3, 2, 1), [P])
    row(out, "maxPool3d", lambda x, p: F.max_pool3d(x[0], 2), [(2, 2, 4, 4, 6)])
    row(out, "maxPool3d.flat", lambda x, p: F.max_pool3d(x[0], (1, 2, 2)), [(2, 2, 3, 4, 6)])
    row(out, "averagePool2d", lambda x, p: F.avg_pool2d(x[0], 2), [(2, 3, 6, 8)])
    row(out, "averagePool2d.k3s2", lambda x, p: F.avg_pool2d(x[0], 3, 2, 1, count_include_pad=False), [P])
    row(out, "averagePool3d", lambda x, p: F.avg_pool3d(x[0], 2), [(2, 2, 4, 4, 6)])
    row(out, "nearest2d", lambda x, p: F.interpolate(x[0], scale_factor=2, mode="nearest"), [P])
    row(out, "nearest3d", lambda x, p: F.interpolate(x[0], scale_factor=(1, 2, 3), mode="nearest"), [(1, 2, 2, 3, 4)])
    row(out, "linear2d", lambda x, p: F.interpolate(x[0], scale_factor=2, mode="bilinear"), [P])
    row(out, "linear2d.x3", lambda x, p: F.interpolate(x[0], scale_factor=(3, 2), mode="bilinear"), [(1, 2, 3, 4)])
    row(out, "linear3d", lambda x, p: F.interpolate(x[0], scale_factor=2, mode="trilinear"), [(1, 2, 2, 3, 4)])
    row(out, "crop2d", lambda x, p: x[0][:, :, 1:4, 2:5] + 0 * x[1].sum(), [P, (2, 1, 3, 3)])
    row(out, "crop3d", lambda x, p: x[0][:, :, 1:3, 1:4, 1:5] + 0 * x[1].sum(), [V, (2, 1, 2, 3, 4)])
    # As wide as the kernels in channel blocks want them; a seed of their own keeps the rows above.
    torch.manual_seed(4)
    conv("conv2d.blocks", (2, 12, 9, 14), 20, 3, padding=1)
    conv("conv2d.blocks.tiles", (3, 8, 21, 26), 8, 3, padding=1, bias=False)
    conv("conv2d.blocks.channels", (1, 40, 5, 4), 33, 3, padding=1)
    conv("conv3d.blocks", (2, 9, 4, 7, 10), 11, 3, padding=1)
    conv("conv3d.blocks.flat", (2, 8, 3, 6, 9), 10, (1, 3, 3), padding=(0, 1, 1))
    save_file(out, "operators.safetensors")


def overlap(p, t, reduction, smooth, alpha=0.5, beta=0.5, tversky=False):
    d = tuple(range(2, p.dim()))
    axes = {"perBatch": None, "perClass": (0,) + d, "perSample": (1,) + d}[reduction]
    total = lambda v: v.sum() if axes is None else v.sum(axes)
    both, fp, fn = total(p * t), total(p * (1 - t)), total((1 - p) * t)
    if tversky:
        score = (both + smooth) / (both + alpha * fp + beta * fn + smooth)
    else:
        score = (2 * both + smooth) / (total(p) + total(t) + smooth)
    return 1 - score.mean()


def cross_entropy(p, t):
    return -(t * p.log()).sum(1).mean()


def losses():
    torch.manual_seed(5)
    p = torch.softmax(torch.randn(3, 4, 5, 6), 1)
    t = F.one_hot(torch.randint(0, 4, (3, 5, 6)), 4).permute(0, 3, 1, 2).float().contiguous()
    t[0] = t[0] * 0.75 + 0.25 * t[1]  # parts of pixels
    volume = torch.sigmoid(torch.randn(2, 2, 3, 4, 5))
    wanted = (torch.rand(2, 2, 3, 4, 5) > 0.6).float()
    out = {"p": p, "t": t, "p3": volume, "t3": wanted}
    cases = {}
    for r in ["perBatch", "perClass", "perSample"]:
        cases[f"dice.{r}"] = lambda p, t, r=r: overlap(p, t, r, 1.0)
        cases[f"tversky.{r}"] = lambda p, t, r=r: overlap(p, t, r, 0.5, 0.3, 0.7, True)
    cases["crossEntropy"] = cross_entropy
    cases["sum"] = lambda p, t: overlap(p, t, "perClass", 1e-5) + cross_entropy(p, t)
    for name, f in cases.items():
        x = p.clone().requires_grad_()
        loss = f(x, t)
        loss.backward()
        out.update({f"{name}.loss": loss.detach().reshape(1), f"{name}.gradient": x.grad})
    for name, f in {"binaryCrossEntropy": F.binary_cross_entropy, "dice.perClass": cases["dice.perClass"]}.items():
        x = volume.clone().requires_grad_()
        loss = f(x, wanted)
        loss.backward()
        out.update({f"{name}.loss3": loss.detach().reshape(1), f"{name}.gradient3": x.grad})
    save_file(out, "losses.safetensors")


class Dot(torch.nn.Module):
    """The smallest network with weights and a bias."""

    def __init__(self):
        super().__init__()
        self.head = torch.nn.Conv2d(3, 2, 1)

    def forward(self, x):
        return torch.softmax(self.head(x), 1)


def keras_adam(parameters, **options):
    """Keras' own Adam on PyTorch's gradients."""
    import keras

    optimizer = keras.optimizers.Adam(**options)
    variables = [keras.Variable(p.detach().numpy()) for p in parameters]

    def step():
        optimizer.apply([keras.ops.convert_to_tensor(p.grad.numpy()) for p in parameters], variables)
        with torch.no_grad():
            for p, v in zip(parameters, variables):
                p.copy_(torch.from_numpy(keras.ops.convert_to_numpy(v)))

    return step


def optimizers():
    torch.manual_seed(11)
    start = Dot().state_dict()
    x = torch.randn(2, 3, 4, 5)
    t = F.one_hot(torch.randint(0, 2, (2, 4, 5)), 2).permute(0, 3, 1, 2).float().contiguous()
    out = {"input": x, "target": t, "head.weight": clean(start["head.weight"]), "head.bias": clean(start["head.bias"])}
    optim = torch.optim
    cases = {
        "adam": lambda p: optim.Adam(p, lr=0.05, betas=(0.8, 0.99), eps=1e-3).step,
        "adam.decay": lambda p: optim.Adam(p, lr=0.05, weight_decay=0.1).step,
        "adamW": lambda p: optim.AdamW(p, lr=0.05, weight_decay=0.1).step,
        "adam.keras": lambda p: keras_adam(p, learning_rate=0.05, beta_1=0.8, beta_2=0.99, epsilon=1e-3),
        "sgd": lambda p: optim.SGD(p, lr=0.5).step,
        "sgd.momentum": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.05).step,
        "sgd.nesterov": lambda p: optim.SGD(p, lr=0.1, momentum=0.99, nesterov=True, weight_decay=3e-5).step,
        "sgd.norm": lambda p: optim.SGD(p, lr=0.5).step,
        "sgd.value": lambda p: optim.SGD(p, lr=0.5).step,
    }
    for name, make in cases.items():
        model = Dot()
        model.load_state_dict(start)
        step = make(list(model.parameters()))
        losses = []
        for _ in range(10):
            model.zero_grad()
            p = model(x)
            loss = overlap(p, t, "perBatch", 1.0) + cross_entropy(p, t)
            loss.backward()
            if name == "sgd.norm":
                torch.nn.utils.clip_grad_norm_(model.parameters(), 0.1)
            if name == "sgd.value":
                torch.nn.utils.clip_grad_value_(model.parameters(), 0.03)
            step()
            losses.append(loss.item())
        out.update({f"{name}.{k}": clean(v) for k, v in model.state_dict().items()})
        out[f"{name}.losses"] = torch.tensor(losses)
    # Learning rates by step.
    w = torch.nn.Parameter(torch.zeros(1))
    schedules = {
        "cosine": lambda o: optim.lr_scheduler.CosineAnnealingLR(o, 20),
        "poly": lambda o: optim.lr_scheduler.PolynomialLR(o, 20, 0.9),
        "warmUp": lambda o: optim.lr_scheduler.LinearLR(o, 1 / 8, 1, 7),
    }
    for name, make in schedules.items():
        optimizer = optim.SGD([w], lr=0.01)
        schedule = make(optimizer)
        rates = []
        for _ in range(20):
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            schedule.step()
        out[f"{name}.rates"] = torch.tensor(rates)
    save_file(out, "optimizers.safetensors")


operators()
losses()
optimizers()
