"""Makes the checkpoints beside it: what trainers put beside their weights, as PyTorch saves it.

usage: python make.py FOLDER, with torch and numpy
"""
import argparse
import collections
import sys
import types

import numpy
import torch

foreign = types.ModuleType("trainer.callbacks")
sys.modules["trainer"] = types.ModuleType("trainer")
sys.modules["trainer.callbacks"] = foreign


class Callback:
    """Of a module that the reader doesn't have."""

    def __init__(self):
        self.best = torch.ones(3)
        self.path = "x" * 50


class Attributes(dict):
    """A dictionary of its own kind, as Lightning has for hyperparameters."""


for each in (Callback, Attributes):
    each.__module__ = "trainer.callbacks"
    each.__qualname__ = each.__name__
    setattr(foreign, each.__name__, each)


def checkpoint(old):
    numbers = torch.arange(24, dtype=torch.float32)
    layer = torch.nn.Linear(3, 2)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[0.5, 1.5, 2.5], [3.5, 4.5, 5.5]]))
        layer.bias.copy_(torch.tensor([-1.0, 1.0]))
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.25)
    layer(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    state = collections.OrderedDict()
    state["layer.weight"] = torch.nn.Parameter(numbers[0:6].view(2, 3))
    state["transposed"] = numbers.view(4, 6).t()
    state["column"] = numbers.view(4, 6)[:, 2]
    state["tied"] = numbers
    state["scalar"] = torch.tensor(7, dtype=torch.int64)
    state["empty"] = torch.empty(0, 256)
    state["half"] = torch.tensor([0.5, -2.0], dtype=torch.float16)
    state["brain"] = torch.tensor([0.5, -2.0, 3.0], dtype=torch.bfloat16)
    state["double"] = torch.tensor([0.1], dtype=torch.float64)
    state["truths"] = torch.tensor([True, False, True])
    state["bytes"] = torch.tensor([1, 255], dtype=torch.uint8)
    state["short"] = torch.tensor([-3, 300], dtype=torch.int16)
    state["complex"] = torch.tensor([1 + 2j])
    result = {
        "epoch": 12,
        "global_step": 2**40,
        "seed": 2**70,
        "rate": 4.5e-6,
        "version": "2.0.0",
        "done": False,
        "nothing": None,
        "state_dict": state,
        "optimizer_states": [optimizer.state_dict()],
        "callbacks": {Callback: {"best": 1}, "ModelCheckpoint": Callback()},
        "hyper_parameters": Attributes(ddconfig={"ch": 128, "ch_mult": [1, 1, 2, 2, 4]}, device=torch.device("cpu")),
        "args": argparse.Namespace(codebook_size=16384, size=torch.Size([256, 256])),
        "counts": collections.defaultdict(int, {"a": 1}),
        "set": {1},
        "raw": b"bytes",
        "array": numpy.arange(3),
        "ema": {"shadow_params": [torch.full((2,), 9.0), torch.nn.Parameter(torch.full((1,), 8.0))], "decay": 0.9999},
    }
    if not old:
        state["unsigned"] = torch.tensor([65535, 1], dtype=torch.uint16)
        state["sparse"] = torch.eye(2).to_sparse()
    return result


folder = sys.argv[1]
for protocol in (2, 4):
    torch.save(checkpoint(False), f"{folder}/zip-{protocol}.ckpt", pickle_protocol=protocol)
    torch.save(
        checkpoint(True),
        f"{folder}/legacy-{protocol}.ckpt",
        pickle_protocol=protocol,
        _use_new_zipfile_serialization=False,
    )
