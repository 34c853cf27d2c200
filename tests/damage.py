"""Damage to sealed files, and whether a file is open."""

import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import psutil

from smalti.ground.seals import SealedFile, sealing


def is_open(path: str | Path) -> bool:
    """Whether this process holds a file open."""
    found = (Path(one.path) for one in psutil.Process().open_files())
    return Path(path).resolve() in found


def change_store(path: str | Path, change: Callable[[h5py.File], object]) -> None:
    """Change the HDF5 content of a sealed file, and seal it again."""
    with SealedFile(path, "") as file:
        content = file.read()
    with sealing(path) as part:
        part.write_bytes(content or b"")
        with h5py.File(part, "r+") as store:
            change(store)


def flip(content: bytes, bit: int) -> bytes:
    """The same bytes, but for one bit."""
    changed = bytearray(content)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def places(path: str | Path, length: int) -> dict[str, list[range]]:
    """Where in a store of so many bytes the datasets, HDF5's structure and the seal are."""
    found: dict[str, list[range]] = {}

    def look(name: str, one: h5py.Dataset | h5py.Group) -> None:
        if isinstance(one, h5py.Dataset) and one.chunks:
            chunks = (one.id.get_chunk_info(i) for i in range(one.id.get_num_chunks()))
            found[name] = [range(c.byte_offset, c.byte_offset + c.size) for c in chunks]
        elif isinstance(one, h5py.Dataset):
            start = one.id.get_offset()
            found[name] = [range(start, start + one.id.get_storage_size())]

    with SealedFile(path, "") as content, h5py.File(content, "r") as file:
        file.visititems(look)
        end = content.length
    taken = sorted((part for parts in found.values() for part in parts), key=min)
    edges = [0, *(edge for part in taken for edge in (part.start, part.stop)), end]
    found["structure"] = [range(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True)]
    found["seal"] = [range(end, length)]
    return {
        name: kept for name, parts in found.items() if (kept := list(filter(len, parts)))
    }


def damage(path: str | Path, count: int, seed: int = 0) -> Iterator[tuple[str, bytes]]:
    """What was done to a store, and its bytes: flipped bits, random bytes, and short files."""
    whole, chance = Path(path).read_bytes(), random.Random(seed)
    where = places(path, len(whole))
    for i in range(count):
        name = sorted(where)[i // 5 % len(where)]
        part = chance.choice(where[name])
        at = chance.choice(part)
        if i % 5 < 3:
            bit = at * 8 + chance.randrange(8)
            yield f"bit {bit} flipped, in {name}", flip(whole, bit)
        elif i % 5 == 3:
            at = min(at, len(whole) - 32)
            yield (
                f"32 random bytes at {at}, in {name}",
                whole[:at] + os.urandom(32) + whole[at + 32 :],
            )
        else:
            yield f"cut short at {at}, in {name}", whole[:at]
