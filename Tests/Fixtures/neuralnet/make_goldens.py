"""Writes the golden files of the network tests with PyTorch (CPU, float32), seeded.

Run: python make_goldens.py  (needs torch and safetensors; the files made with torch 2.15 are committed)
"""
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

torch.use_deterministic_algorithms(True)


class Block(torch.nn.Module):
    """Keras-Unet's block: convolution without bias, ReLU, batch norm, twice."""

    def __init__(self, i, o):
        super().__init__()
        self.conv1 = torch.nn.Conv2d(i, o, 3, padding=1, bias=False)
        self.norm1 = torch.nn.BatchNorm2d(o, eps=1e-3, momentum=0.01)
        self.conv2 = torch.nn.Conv2d(o, o, 3, padding=1, bias=False)
        self.norm2 = torch.nn.BatchNorm2d(o, eps=1e-3, momentum=0.01)

    def forward(self, x):
        return self.norm2(F.relu(self.conv2(self.norm1(F.relu(self.conv1(x))))))


class UNet(torch.nn.Module):
    def __init__(self, channels=2, filters=5, classes=3):
        super().__init__()
        self.down0, self.down1, self.middle = Block(channels, filters), Block(filters, 2 * filters), Block(2 * filters, 4 * filters)
        self.up1 = torch.nn.ConvTranspose2d(4 * filters, 2 * filters, 2, stride=2)
        self.dec1 = Block(4 * filters, 2 * filters)
        self.up0 = torch.nn.ConvTranspose2d(2 * filters, filters, 2, stride=2)
        self.dec0 = Block(2 * filters, filters)
        self.head = torch.nn.Conv2d(filters, classes, 1)

    def forward(self, x):
        a = self.down0(x)
        b = self.down1(F.max_pool2d(a, 2))
        m = self.middle(F.max_pool2d(b, 2))
        b = self.dec1(torch.cat([self.up1(m), b], 1))
        a = self.dec0(torch.cat([self.up0(b), a], 1))
        return torch.softmax(self.head(a), 1)


def dice_per_class(p, t, smooth=1.0):
    axes = (0, 2, 3)
    both, total = (p * t).sum(axes), (p + t).sum(axes)
    return 1 - ((2 * both + smooth) / (total + smooth)).mean()


def dice_per_batch(p, t, smooth=1e-6):
    return 1 - (2 * (p * t).sum() + smooth) / (p.sum() + t.sum() + smooth)


def weights(model):
    return {k: v.detach().clone().contiguous() for k, v in model.state_dict().items() if v.dtype == torch.float32}


def training():
    torch.manual_seed(7)
    model = UNet()
    with torch.no_grad():
        for m in model.modules():
            if isinstance(m, torch.nn.BatchNorm2d):
                m.weight.uniform_(0.5, 1.5)
                m.bias.uniform_(-0.3, 0.3)
    # 20 x 28: neither side is a whole number of vectors.
    x = torch.randn(3, 2, 20, 28)
    classes = torch.randint(0, 3, (3, 20, 28))
    t = F.one_hot(classes, 3).permute(0, 3, 1, 2).float().contiguous()
    out = {"input": x, "target": t}
    out.update({"initial." + k: v for k, v in weights(model).items()})
    # With 3e-3 ten steps are well-conditioned: noise of 1e-7 in the weights changes no loss by more. With 1e-2 it grows to
    # 2.5e-3 in PyTorch itself, where a rectifier or a pooling decides the other way.
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    losses = []
    for step in range(10):
        optimizer.zero_grad()
        p = model(x)
        loss = dice_per_class(p, t) + -(t * p.log()).sum(1).mean()
        loss.backward()
        if step == 0:
            out["output"] = p.detach().contiguous()
            out.update({"gradient." + k: v.grad.clone().contiguous() for k, v in model.named_parameters()})
            out["dice_per_batch"] = dice_per_batch(p, t).detach().reshape(1)
        optimizer.step()
        losses.append(loss.item())
    out["losses"] = torch.tensor(losses)
    model.eval()
    out["evaluated"] = model(x).detach().contiguous()
    out.update({"final." + k: v for k, v in weights(model).items()})
    save_file(out, "unet-training.safetensors")


training()
