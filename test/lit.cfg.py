"""Configuration of the lit suite.

ATTN_VERIFY_ROUNDTRIP=1 in the environment runs every attn-opt of the suite
with --verify-roundtrip, so that each test's input also tests the printer, the
parser and the bytecode of the dialect.
"""

import os
import shutil

import lit.formats

config.name = "attn-mlir"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".ptx", ".test"]
config.excludes = ["Inputs", "execution", "fuzz", "package", "python", "unit"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.attn_build_dir, "test")

# The build's tools come first, then FileCheck and friends of the LLVM that is
# built against; another installation on the PATH is never picked up.
config.environment["PATH"] = os.pathsep.join(
    [
        os.path.join(config.attn_build_dir, "bin"),
        config.llvm_tools_dir,
        config.environment["PATH"],
    ]
)
config.environment["FILECHECK_OPTS"] = "--enable-var-scope --dump-input-filter=error"
for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "CUDA_HOME"):
    if name in os.environ:
        config.environment[name] = os.environ[name]

config.substitutions += [
    ("%attn_src", config.attn_source_dir),
    ("%attn_build", config.attn_build_dir),
    ("%cc", config.attn_c_compiler),
    ("%python", config.python_executable),
]

# %mlir_opt_attn is the stock mlir-opt with the plugin. A build with sanitizers
# has no plugin: an instrumented library cannot be loaded into mlir-opt.
plugin = os.path.join(config.attn_build_dir, "lib", "AttnPlugin.so")
config.substitutions += [
    (
        "%mlir_opt_attn",
        f"{config.llvm_tools_dir}/mlir-opt --load-dialect-plugin={plugin}"
        f" --load-pass-plugin={plugin}",
    ),
    ("%attn_plugin", plugin),
]
if config.attn_sanitize:
    config.excludes.append("Plugin")
if os.environ.get("ATTN_TIER") == "quick":
    exhaustive = "attn-expand-math-accuracy-exhaustive"
    config.excludes += [f"{exhaustive}.test", f"{exhaustive}-avx512.test"]
if os.environ.get("ATTN_VERIFY_ROUNDTRIP", "0") not in ("", "0"):
    config.substitutions.append((r"(?<![-./\w])attn-opt(?![-./\w])", "attn-opt --verify-roundtrip"))


def cpu_flags():
    """The instruction set extensions of this machine, as Linux names them."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as info:
            for line in info:
                if line.startswith("flags"):
                    return set(line.split(":", 1)[1].split())
    except OSError:
        pass
    return set()


# What a test may require: nothing else is a reason not to run, and
# scripts/check fails on a test that was left out for any other.
flags = cpu_flags()
if {"avx512f", "avx512bw", "avx512dq", "avx512vl"} <= flags:
    config.available_features.add("avx512")
if "avx512_bf16" in flags:
    config.available_features.add("avx512bf16")
cuda_home = os.environ.get("CUDA_HOME", "/usr/local/cuda")
if shutil.which("ptxas") or os.path.exists(os.path.join(cuda_home, "bin", "ptxas")):
    config.available_features.add("cuda")
if os.path.exists("/dev/nvidiactl"):
    config.available_features.add("gpu")
