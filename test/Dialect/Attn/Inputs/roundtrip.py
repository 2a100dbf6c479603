"""Round-trips every file of the tests and examples that parses."""

import subprocess
import sys
from pathlib import Path

root = Path(sys.argv[1])
command = ["attn-opt", "--split-input-file", "-o", "/dev/null"]
passed = 0
for path in sorted(
    [
        *root.glob("test/**/*.mlir"),
        *root.glob("examples/*.mlir"),
        *root.glob("examples/sparsity/*.mlir"),
    ]
):
    if "invalid" in path.name:
        continue
    done = subprocess.run(
        [*command, "--verify-roundtrip", path], capture_output=True, text=True, check=False
    )
    if done.returncode == 0:
        passed += 1
    elif subprocess.run([*command, path], capture_output=True, check=False).returncode == 0:
        sys.exit(f"{path} does not round-trip:\n{done.stderr}")
if passed < 50:
    sys.exit(f"only {passed} files were found that parse")
