"""A reader of safetensors files (https://github.com/huggingface/safetensors): a JSON header, then the bytes of the tensors."""

import json
from pathlib import Path

import torch
from torch import Tensor

TENSOR_TYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """All tensors of a file, by name."""
    content = path.read_bytes()
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:start])
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        low, high = entry["data_offsets"]
        kind = TENSOR_TYPES[entry["dtype"]]
        values = bytearray(content[start + low : start + high])  # a copy, since tensors are writable
        flat = torch.frombuffer(values, dtype=kind) if values else torch.empty(0, dtype=kind)
        tensors[name] = flat.reshape(entry["shape"])
    return tensors
