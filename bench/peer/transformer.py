#!/usr/bin/env python3
"""The transformer that is measured beside ours, in plain PyTorch: eager, autocast, fused AdamW; drawn by whole passes.

  transformer.py JSON      {"layers", "width", "heads", "places", "codes", "classes", "batch", "steps", "device", "precisions",
                            "what": ["draw", "train"], "clip", "training_steps"}

Prints one JSON object: the best product, and for each precision seconds of a forward pass, of an image and of a training step,
each a median, and the better of attention by hand and fused. An image is an ancestral draw of absorbing diffusion in which every step runs
the whole network over all places; it is timed on a few steps and scaled, since each costs the same.
"""
import json, math, statistics, sys, time
import torch, torch.nn as nn, torch.nn.functional as F

a = {"classes": 0, "device": "cpu", "precisions": ["bf16", "fp32"], "what": ["draw", "train"], "clip": 1.0, "training_steps": 20, **json.loads(sys.argv[1])}
L, D, H, K, B, device = a["places"], a["width"], a["heads"], a["codes"], a["batch"], a["device"]
torch.manual_seed(0)
if device != "cpu":
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False


class Attention(nn.Module):
    def __init__(self, fused):
        super().__init__()
        self.fused, self.qkv, self.out = fused, nn.Linear(D, 3 * D), nn.Linear(D, D)

    def forward(self, x):
        q, k, v = self.qkv(x).view(x.size(0), L, 3, H, D // H).permute(2, 0, 3, 1, 4)
        if self.fused:
            y = F.scaled_dot_product_attention(q, k, v)
        else:
            y = F.softmax(q @ k.transpose(-2, -1) / math.sqrt(D // H), -1) @ v
        return self.out(y.transpose(1, 2).reshape(x.shape))


class Block(nn.Module):
    def __init__(self, fused):
        super().__init__()
        self.n1, self.n2, self.attention = nn.LayerNorm(D), nn.LayerNorm(D), Attention(fused)
        self.mlp = nn.Sequential(nn.Linear(D, 4 * D), nn.GELU(), nn.Linear(4 * D, D))

    def forward(self, x):
        x = x + self.attention(self.n1(x))
        return x + self.mlp(self.n2(x))


class Net(nn.Module):
    def __init__(self, fused):
        super().__init__()
        self.tok, self.pos = nn.Embedding(K + 1, D), nn.Parameter(torch.zeros(1, L, D))
        self.cls = nn.Embedding(a["classes"] + 1, D) if a["classes"] else None
        self.blocks = nn.Sequential(*[Block(fused) for _ in range(a["layers"])])
        self.norm, self.head = nn.LayerNorm(D), nn.Linear(D, K, bias=False)

    def forward(self, x, label):
        y = self.tok(x) + self.pos
        if self.cls is not None:
            y = y + self.cls(label)[:, None]
        return self.head(self.norm(self.blocks(y)))


def seconds(f, warm, times, which=statistics.median):
    taken = []
    for i in range(warm + times):
        if device != "cpu":
            torch.cuda.synchronize()
        start = time.perf_counter()
        f()
        if device != "cpu":
            torch.cuda.synchronize()
        if i >= warm:
            taken.append(time.perf_counter() - start)
    return which(taken)


def draw(net, label, steps):
    x = torch.full((B, L), K, device=device)
    for t in range(a["steps"], a["steps"] - steps, -1):
        show = (x == K) & (torch.rand(x.shape, device=device) < 1 / t)
        new = torch.distributions.Categorical(logits=net(x, label).float()).sample()
        x = torch.where(show, new, x)
    return x


out = {"torch": torch.__version__, "threads": torch.get_num_threads()}
for precision in a["precisions"]:
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    n = 8192 if device != "cpu" else 1536
    m = torch.randn(n, n, device=device).to(dtype)
    best = {"peak_gflops": 2 * n ** 3 / seconds(lambda: m @ m, 3, 10, min) / 1e9}
    for fused in (False, True):
        net = Net(fused).to(device)
        optimizer = torch.optim.AdamW(net.parameters(), 1e-4, fused=True)
        x = torch.randint(0, K, (B, L), device=device)
        label = torch.zeros(B, dtype=torch.long, device=device)
        mask = torch.rand(x.shape, device=device) < 0.5
        context = lambda: torch.autocast(device, dtype=torch.bfloat16, enabled=precision == "bf16")

        def step():
            optimizer.zero_grad()
            with context():
                logits = net(torch.where(mask, K, x), label)
            F.cross_entropy(logits[mask].float(), x[mask]).backward()
            if a["clip"]:
                nn.utils.clip_grad_norm_(net.parameters(), a["clip"])
            optimizer.step()

        found = {}
        if "draw" in a["what"]:
            few = 4 if device == "cpu" else 32
            with torch.inference_mode(), context():
                found["forward_seconds"] = seconds(lambda: net(x, label), 1, 5)
                found["seconds_an_image"] = seconds(lambda: draw(net, label, few), 1, 3) / few * a["steps"] / B
        if "train" in a["what"]:
            found["seconds_a_training_step"] = seconds(step, 5, a["training_steps"])
        for name, value in found.items():
            best[name] = min(value, best.get(name, math.inf))
        del net, optimizer
    out[precision] = best
print(json.dumps(out))
