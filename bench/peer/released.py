#!/usr/bin/env python3
"""The released code of Unleashing Transformers, drawn as it draws, from a clone of its own: nothing of it is here.

  released.py JSON FOLDER    {"layers", "width", "heads", "places", "codes", "batch", "steps", "device", "precisions"}

Prints one JSON object: for each precision the seconds of an image, the median of three draws of few steps and scaled, since each step runs
the whole network over all places. Only the network and the draw are loaded, of whichever state of the code.
"""
import contextlib, json, os, pathlib, statistics, sys, time, types
import torch

a, folder = json.loads(sys.argv[1]), pathlib.Path(sys.argv[2])
found = next((path for path in (folder / "models", folder / "src/models") if (path / "absorbing_diffusion.py").is_file()), None)
if found is None:
    sys.exit(f"{folder} has no models/absorbing_diffusion.py: it is no clone of the released code")
package = types.ModuleType("models")  # without what its own __init__ loads, tokenizers and their losses
package.__path__ = [str(found)]
sys.modules["models"] = package
try:
    import tqdm  # noqa: F401
except ImportError:  # it shows progress alone, which isn't wanted here
    sys.modules["tqdm"] = types.SimpleNamespace(tqdm=lambda steps, *_, **__: steps)
import models.absorbing_diffusion as diffusion
from models.transformer import Transformer


class OnThisDevice:
    """torch, as the released code sees it, whose draws ask for 'cuda' by name."""

    def __getattr__(self, name):
        value = getattr(torch, name)
        if name not in ("ones", "zeros", "full", "rand", "zeros_like"):
            return value
        return lambda *args, **more: value(*args, **{**more, **({"device": a["device"]} if more.get("device") == "cuda" else {})})


diffusion.torch = OnThisDevice()
side = int(a["places"] ** 0.5)
H = types.SimpleNamespace(
    bert_n_emb=a["width"], bert_n_head=a["heads"], bert_n_layers=a["layers"], attn_pdrop=0.0, resid_pdrop=0.0, embd_pdrop=0.0,
    sampler="absorbing", codebook_size=a["codes"], emb_dim=256, latent_shape=[1, side, side], block_size=a["places"],
    batch_size=a["batch"], n_samples=a["batch"], steps_per_display_output=0, diffusion_steps=a["steps"], total_steps=a["steps"],
    loss_type="reweighted_elbo", mask_schedule="random")
torch.manual_seed(0)
network = Transformer(H).to(a["device"]).eval()
sampler = diffusion.AbsorbingDiffusion(H, network, a["codes"], torch.zeros(a["codes"], 256))


def draw(steps):
    if hasattr(sampler, "sample_v2"):
        return sampler.sample_v2("magic", sample_steps=steps)
    return sampler.sample(sample_steps=steps)


def seconds(steps):
    if a["device"] != "cpu":
        torch.cuda.synchronize()
    start = time.perf_counter()
    draw(steps)
    if a["device"] != "cpu":
        torch.cuda.synchronize()
    return time.perf_counter() - start


few = 4 if a["device"] == "cpu" else 32
out = {"torch": torch.__version__}
for precision in a["precisions"]:
    with torch.no_grad(), torch.autocast(a["device"], dtype=torch.bfloat16, enabled=precision == "bf16"):
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
            seconds(few)
            taken = statistics.median(seconds(few) for _ in range(3))
    out[precision] = {"seconds_an_image": taken / few * a["steps"] / a["batch"]}
print(json.dumps(out))
