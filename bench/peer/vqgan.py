#!/usr/bin/env python3
"""What a PyTorch user would get: a VQGAN of the same layers as recipes here, in plain eager PyTorch.

    vqgan.py [--precision bf16|fp32|both] [--steps 10] [--size 64 --batch 16 --patch 2 --channels 32 ...]

Prints one JSON object: images/s of a training step without and with the discriminator (L1, codebook by moving average, hinge,
adaptive weight, differentiable augmentation, Gaussian over pixels where asked; clipping, fused AdamW, moving average of the
weights), of encoding and of decoding, each the median of steps. bf16 is autocast. bench/run tokenizer runs it where
SMALTI_PEER_PYTHON names a Python with PyTorch. Times are comparable only with those of the same machine and minutes.
"""
import argparse
import json
import time

import torch
import torch.nn as nn
import torch.nn.functional as F


def groups(channels):
    return next(g for g in range(min(32, channels), 0, -1) if channels % g == 0)


class Residual(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        self.norm1, self.conv1 = nn.GroupNorm(groups(i), i, 1e-6), nn.Conv2d(i, o, 3, padding=1)
        self.norm2, self.conv2 = nn.GroupNorm(groups(o), o, 1e-6), nn.Conv2d(o, o, 3, padding=1)
        self.shortcut = nn.Identity() if i == o else nn.Conv2d(i, o, 1)

    def forward(self, x):
        h = self.conv1(F.silu(self.norm1(x)))
        return self.shortcut(x) + self.conv2(F.silu(self.norm2(h)))


class Attention(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.norm = nn.GroupNorm(groups(c), c, 1e-6)
        self.q, self.k, self.v, self.out = (nn.Conv2d(c, c, 1) for _ in range(4))

    def forward(self, x):
        n = self.norm(x)
        q, k, v = self.q(n).flatten(2), self.k(n).flatten(2), self.v(n).flatten(2)
        scores = torch.bmm(q.transpose(1, 2), k) * q.shape[1] ** -0.5
        mixed = torch.bmm(v, torch.softmax(scores, -1).transpose(1, 2))
        return x + self.out(mixed.view_as(x))


class Down(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.conv = nn.Conv2d(c, c, 3, 2)

    def forward(self, x):
        return self.conv(F.pad(x, (0, 1, 0, 1)))


class Autoencoder(nn.Module):
    def __init__(self, a):
        super().__init__()
        m, side = a.multipliers, a.size // a.patch
        down, up, c = [], [], a.channels
        lowest = side >> (len(m) - 1)
        down += [nn.PixelUnshuffle(a.patch)] if a.patch > 1 else []
        down.append(nn.Conv2d(3 * a.patch**2, c, 3, padding=1))
        for level, factor in enumerate(m):
            for _ in range(a.res_blocks):
                down.append(Residual(c, a.channels * factor))
                c = a.channels * factor
                down += [Attention(c)] if side >> level == lowest else []
            down += [Down(c)] if level < len(m) - 1 else []
        down += [Residual(c, c), Attention(c), Residual(c, c), nn.GroupNorm(groups(c), c, 1e-6)]
        down += [nn.SiLU()] if a.output_swish else []
        down.append(nn.Conv2d(c, a.dimension, 3, padding=1))
        up += [nn.Conv2d(a.dimension, c, 3, padding=1), Residual(c, c), Attention(c), Residual(c, c)]
        for level in reversed(range(len(m))):
            for _ in range(a.decoder_blocks):
                up.append(Residual(c, a.channels * m[level]))
                c = a.channels * m[level]
                up += [Attention(c)] if side >> level == lowest else []
            up += [nn.Upsample(scale_factor=2), nn.Conv2d(c, c, 3, padding=1)] if level > 0 else []
        up.append(nn.GroupNorm(groups(c), c, 1e-6))
        self.encoder, self.decoder = nn.Sequential(*down), nn.Sequential(*up)
        self.swish, self.patch = a.output_swish, a.patch
        self.last = nn.Conv2d(c, 3 * a.patch**2, 3, padding=1)
        self.sigma1, self.sigma2 = nn.Conv2d(c, c, 3, padding=1), nn.Conv2d(c, 3 * a.patch**2, 1)
        self.register_buffer("codes", torch.randn(a.codes, a.dimension))
        self.register_buffer("uses", torch.ones(a.codes))
        self.register_buffer("sums", self.codes.clone())

    def encode(self, z):
        with torch.autocast("cpu", enabled=False):
            flat = z.float().detach().permute(0, 2, 3, 1).reshape(-1, z.shape[1])
            index = torch.addmm((self.codes**2).sum(1), flat, self.codes.t(), alpha=-2).argmin(1)
        return flat, index

    def quantize(self, z):
        z = z.float()
        flat, index = self.encode(z)
        chosen = self.look_up(index.view(z.shape[0], *z.shape[2:]))
        loss = 0.25 * (chosen.detach() - z).pow(2).mean()
        with torch.no_grad():
            k = self.codes.shape[0]
            self.uses.lerp_(torch.bincount(index, minlength=k).float(), 0.01)
            self.sums.lerp_(torch.zeros_like(self.sums).index_add_(0, index, flat), 0.01)
            total = self.uses.sum()
            self.codes.copy_(self.sums / ((self.uses + 1e-5) / (total + k * 1e-5) * total)[:, None])
        return z + (chosen - z).detach(), loss

    def look_up(self, index):
        return F.embedding(index, self.codes).permute(0, 3, 1, 2).contiguous()

    def image(self, features):
        return F.pixel_shuffle(self.last(F.silu(features) if self.swish else features), self.patch)

    def deviation(self, features):
        return F.pixel_shuffle(self.sigma2(F.relu(self.sigma1(features))), self.patch)


def discriminator(channels, layers):
    parts, c = [nn.Conv2d(3, channels, 4, 2, 1), nn.LeakyReLU(0.2)], channels
    for i in range(1, layers + 1):
        o = channels * min(2**i, 8)
        parts += [nn.Conv2d(c, o, 4, 2 if i < layers else 1, 1, bias=False), nn.BatchNorm2d(o), nn.LeakyReLU(0.2)]
        c = o
    return nn.Sequential(*parts, nn.Conv2d(c, 1, 4, 1, 1))


def augment(x):
    b, _, h, w = x.shape
    x = x + (torch.rand(b, 1, 1, 1) - 0.5)
    mean = x.mean(1, keepdim=True)
    x = (x - mean) * (torch.rand(b, 1, 1, 1) * 2) + mean
    mean = x.mean((1, 2, 3), keepdim=True)
    x = (x - mean) * (torch.rand(b, 1, 1, 1) + 0.5) + mean
    most = int(h * 0.125 + 0.5)
    down, right = torch.randint(-most, most + 1, (b, 1, 1)), torch.randint(-most, most + 1, (b, 1, 1))
    n, i, j = torch.meshgrid(torch.arange(b), torch.arange(h), torch.arange(w), indexing="ij")
    i, j = (i + down + 1).clamp(0, h + 1), (j + right + 1).clamp(0, w + 1)
    return F.pad(x, (1, 1, 1, 1)).permute(0, 2, 3, 1)[n, i, j].permute(0, 3, 1, 2)


class Trainer:
    def __init__(self, a, bf16):
        torch.manual_seed(0)
        self.a, self.bf16 = a, bf16
        self.net, self.opponent = Autoencoder(a), discriminator(a.discriminator_channels, a.discriminator_layers)
        self.optimizer = torch.optim.AdamW(self.net.parameters(), 1e-4, fused=True)
        self.opposing = torch.optim.AdamW(self.opponent.parameters(), 1e-4, fused=True)
        self.average = [p.detach().clone() for p in self.net.parameters()]

    def autocast(self):
        return torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.bf16)

    def step(self, images, adversarial):
        a, net, opponent = self.a, self.net, self.opponent
        opponent.requires_grad_(False)
        with self.autocast():
            z, codebook = net.quantize(net.encoder(images))
            features = net.decoder(z)
            made = net.image(features)
            difference = (images - made).abs().mean()
            total = difference + codebook
            if adversarial:
                seen = augment(made)
                g = -opponent(seen).float().mean()
                norms = [torch.autograd.grad(x, net.last.weight, retain_graph=True)[0].norm() for x in (difference, g)]
                total = total + (norms[0] / (norms[1] + 1e-4)).clamp(0, 1).detach() * g
            if a.pixel_likelihood:
                sigma = net.deviation(features.detach()).float()
                nats = ((images - made.detach()) * (-sigma).exp()).pow(2) * 0.5 + sigma
                total = total + 0.01 * nats.mean()
        total.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        if adversarial:
            opponent.requires_grad_(True)
            with self.autocast():
                real, fake = opponent(augment(images)).float(), opponent(seen.detach()).float()
                loss = 0.5 * (F.relu(1 - real).mean() + F.relu(1 + fake).mean())
            loss.backward()
            torch.nn.utils.clip_grad_norm_(opponent.parameters(), 1.0)
            self.opposing.step()
            self.opposing.zero_grad()
        self.optimizer.step()
        self.optimizer.zero_grad()
        with torch.no_grad():
            torch._foreach_lerp_(self.average, list(net.parameters()), 0.005)
        return total.item()

    def rate(self, work, steps):
        for _ in range(3):
            work()
        seconds = []
        for _ in range(steps):
            begin = time.perf_counter()
            work()
            seconds.append(time.perf_counter() - begin)
        return self.a.batch / sorted(seconds)[len(seconds) // 2]

    def measure(self):
        a = self.a
        images = torch.rand(a.batch, 3, a.size, a.size) * 2 - 1
        result = {
            "training": self.rate(lambda: self.step(images, False), a.steps),
            "adversarial_training": self.rate(lambda: self.step(images, True), a.steps),
        }
        self.net.eval()
        with torch.inference_mode(), self.autocast():
            side = self.net.encoder(images).shape[2:]
            index = torch.randint(a.codes, (a.batch, *side))
            result["encoding"] = self.rate(lambda: self.net.encode(self.net.encoder(images)), a.steps)
            result["decoding"] = self.rate(
                lambda: self.net.image(self.net.decoder(self.net.look_up(index))).float(), a.steps
            )
        return result


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--precision", default="both", choices=["bf16", "fp32", "both"])
    p.add_argument("--multipliers", default=[1, 2, 3], type=lambda text: [int(m) for m in text.split(",")])
    for name, value in (
        ("steps", 10), ("size", 64), ("batch", 16), ("patch", 2), ("channels", 32), ("res_blocks", 1),
        ("decoder_blocks", 1), ("codes", 1024), ("dimension", 32), ("output_swish", 1), ("pixel_likelihood", 1),
        ("discriminator_channels", 32), ("discriminator_layers", 3),
    ):  # fmt: skip
        p.add_argument("--" + name.replace("_", "-"), type=int, default=value)
    return p.parse_args()


if __name__ == "__main__":
    asked = arguments()
    out = {"torch": torch.__version__, "threads": torch.get_num_threads()}
    for precision in ("bf16", "fp32") if asked.precision == "both" else (asked.precision,):
        out[precision] = Trainer(asked, precision == "bf16").measure()
    print(json.dumps(out, indent=1))
