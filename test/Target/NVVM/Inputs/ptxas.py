"""Stands in for ptxas: says how many bytes of registers are spilled, as the variable
SPILLED has it, or SPILLED_FEW where few are to be used; "fail" knows no option."""

import os
import re
import sys
from pathlib import Path

arguments = sys.argv[1:]
few = "--register-usage-level=3" in arguments
spilled = os.environ["SPILLED_FEW" if few else "SPILLED"]
output = arguments[arguments.index("-o") + 1]
if spilled == "fail":
    sys.exit("ptxas fatal   : Unknown option '-register-usage-level'")
source = next(Path(name).read_text() for name in arguments if name.endswith(".ptx"))
Path(output).write_text("few\n" if few else "own\n")
print("ptxas info    : 0 bytes gmem")
for name in re.findall(r"\.entry (\w+)\(", source):
    print(f"ptxas info    : Compiling entry function '{name}' for 'sm_80'")
    print(f"ptxas info    : Function properties for {name}")
    again = 4 if spilled != "0" else 0
    print(f"    16 bytes stack frame, {spilled} bytes spill stores, {again} bytes spill loads")
    print("ptxas info    : Used 77 registers, used 1 barriers, 16 bytes cumulative stack size")
print("ptxas warning : (C7510) something is slow", file=sys.stderr)
