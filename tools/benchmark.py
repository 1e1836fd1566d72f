"""What the package adds to PyTorch: to an import, and to a call.

    python tools/benchmark.py

Both sides are measured in turn in one run, since only their difference and their ratio say
something on a machine that others use, too.
"""

import statistics
import subprocess
import sys
import time

import torch

from bareattention import attention

IMPORTS = {
    "import torch": "import torch",
    "import bareattention": "import torch, bareattention",
    "... and attention": "import torch; from bareattention import attention, Block",
    "... and every name": "import torch; from bareattention import *",
}
MOST_SECONDS = 0.4  # that `import bareattention` may take beyond `import torch`


def import_seconds(repeats: int = 5) -> dict[str, float]:
    """Processor seconds of a fresh Python for each way to import, the median of some turns."""
    program = "import time\n{}\nprint(time.process_time())"
    taken = {name: [] for name in IMPORTS}
    for _ in range(repeats):
        for name, way in IMPORTS.items():
            command = [sys.executable, "-c", program.format(way)]
            ran = subprocess.run(command, capture_output=True, text=True, check=True)
            taken[name].append(float(ran.stdout))
    return {name: statistics.median(found) for name, found in taken.items()}


def call_microseconds(turns: int = 20, calls: int = 200) -> dict[str, float]:
    """Processor time of one call of attention on 4 × 4, the best of some turns."""

    def bare(queries, keys, values):
        scores = queries * queries.shape[-1] ** -0.5 @ keys.mT
        powers = (scores - scores.amax(dim=-1, keepdim=True)).exp()
        weights = powers / powers.sum(dim=-1, keepdim=True)
        return weights @ values, weights

    torch.set_num_threads(1)
    tokens = torch.randn(4, 4)
    best = {"formula": float("inf"), "attention": float("inf")}
    for _ in range(turns):
        for name, way in zip(best, (bare, attention), strict=True):
            start = time.process_time()
            for _ in range(calls):
                way(tokens, tokens, tokens)
            best[name] = min(best[name], 1e6 * (time.process_time() - start) / calls)
    return best


def main() -> int:
    """Print both tables; 1 if the import takes too long."""
    seconds = import_seconds()
    torch_alone = seconds.pop("import torch")
    print(f"{'import torch':22}{torch_alone:6.2f} s of the processor, and beyond it:")
    for name, taken in seconds.items():
        print(f"{name:22}{taken - torch_alone:6.2f} s")
    best = call_microseconds()
    print(f"one call on 4 × 4: the formula {best['formula']:.0f} µs, ", end="")
    print(f"attention {best['attention']:.0f} µs, with three signatures held")
    return int(seconds["import bareattention"] - torch_alone > MOST_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
