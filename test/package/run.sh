#!/usr/bin/env bash
# run.sh dialects|whole BUILD PREFIX TREE: installs a part of the build into
# PREFIX and builds the projects of this folder against it in TREE.
set -euo pipefail
part=$1 build=$2 prefix=$3 tree=$4
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

components=(--component attn-dialects)
[ "$part" = whole ] && components=()
cmake --install "$build" --prefix "$prefix" "${components[@]}"

cached() { sed -n "s/^$1:[A-Z]*=//p" "$build/CMakeCache.txt"; }
cmake -G Ninja -S "$here" -B "$tree" -DATTN_PART="$part" \
  -DCMAKE_C_COMPILER="$(cached CMAKE_C_COMPILER)" \
  -DCMAKE_CXX_COMPILER="$(cached CMAKE_CXX_COMPILER)" \
  -DMLIR_DIR="$(cached MLIR_DIR)" -DCMAKE_PREFIX_PATH="$prefix"
cmake --build "$tree"

# prints TEXT COMMAND...: the command succeeds and prints the text.
prints() {
  local text=$1
  shift
  "$@" | grep -F -- "$text" || {
    echo "run.sh: '$*' does not print '$text'" >&2
    exit 1
  }
}

prints 'attn.attention' "$tree/host" "$here/input.mlir"
[ "$part" = whole ] || exit 0
prints 'llvm.func @attention' "$tree/compiler" "$here/input.mlir"
plugin=$(find "$prefix" -name AttnPlugin.so)
prints 'attn.iterate' "$tree/plugin-host" "$plugin" "$here/input.mlir"
