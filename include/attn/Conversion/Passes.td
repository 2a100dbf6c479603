//===- Passes.td - attn conversion passes -------------*- tablegen -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_CONVERSION_PASSES_TD
#define ATTN_CONVERSION_PASSES_TD

include "mlir/Pass/PassBase.td"

def AttnDescribeKernel : Pass<"attn-describe-kernel", "::mlir::ModuleOp"> {
  let summary = "Attach the signature of the module's kernel";
  let description = [{
    Derives what the kernel of the module's one public function takes and
    returns, and which extents are equal, and attaches it to the module as
    `attn.kernels`. It runs before the cascades are lowered, because the names
    of the ranks become the symbols of the extents. A function that is no kernel is
    refused: a second public one, an argument that is no ranked tensor, an element
    type that the C ABI does not have, a result whose extent no argument has.
    Tensors are named by the argument and result attribute `attn.name`. Arguments without it have the
    name that their location holds (`loc("q")`), which is how attn-compile keeps
    the names of the text. A name that is no C identifier or is taken, and what
    has none, becomes `arg0`, ..., `out0`, ....

    ```mlir
    { name = "attention", phases = 0 : i64, worker_workspace = 0 : i64,
      tensors = [ { name = "q", type = tensor<?x8x?x64xf32>,
                    dims = ["b", "8", "m", "64"], output = false }, ... ] }
    ```
  }];
}

def AttnWidenBooleans : Pass<"attn-widen-booleans", "::mlir::ModuleOp"> {
  let summary = "Read booleans of the caller as bytes";
  let description = [{
    An i1 is a byte in a tensor of a caller and a bit in a vector, so that vectors
    of them are loaded element by element. Arguments of the kernel that only masks
    of operators and inputs of cascades read become tensors of i8, of which maps
    test whether they are 0. `attn.kernels` says `boolean` of them: what a call
    hands over is still DLPack's boolean. Other tensors of i1 stay as they are.

    ```mlir
    // From: where mask(%mask[b, n] : tensor<?x?xi1>)
    where mask(%mask[b, n] : tensor<?x?xi8>)
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect"];
}

def AttnSplitPhases : Pass<"attn-split-phases", "::mlir::ModuleOp"> {
  let summary = "Give every phase of the kernel a function of its own";
  let description = [{
    A phase starts when all items of the one before it have finished. Each
    cascade of the module's kernel is a phase, and so is what stands between two
    of them. The kernel becomes a sequence of calls of private functions with the
    attribute `attn.phase`; reshapes and scalars are copied into the phases that
    need them. What one phase hands to another is stored in its most collapsed
    form: in an output where it is returned, else in the shared workspace, where
    `attn.extents` on the call says how its extents are found.

    ```mlir
    func.func @f(%q: tensor<?x64xf32>, ...) -> tensor<?x64xf32> {
      %0 = call @f_phase0(%q) {attn.extents = [array<i64: 0, 0, 1, 1>]} : ...
      %1 = call @f_phase1(%0, %k) {attn.extents = [array<i64: 0, 0, 1, 1>]} : ...
      return %1 : tensor<?x64xf32>
    }
    ```
  }];
  let dependentDialects = ["::mlir::func::FuncDialect",
                           "::mlir::tensor::TensorDialect"];
}

def AttnLinkPhases : Pass<"attn-link-phases", "::mlir::ModuleOp"> {
  let summary = "Make the functions of the kernel from those of its phases";
  let description = [{
    Runs after attn-tile-cascade and attn-outline-kernel have lowered every
    phase. The kernel's functions (`KernelSignature.h`) call those of the phases
    with views of the kernel's tensors and of the front of the shared workspace,
    where values go from one phase to the next.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::func::FuncDialect",
                           "::mlir::LLVM::LLVMDialect",
                           "::mlir::memref::MemRefDialect"];
}

def AttnTileCascade : Pass<"attn-tile-cascade", "::mlir::ModuleOp"> {
  let summary = "Turn a mapped cascade into loops around einsums on tiles";
  let description = [{
    Replaces the module's kernel, a function with one mapped cascade, or every
    phase of it that has one, by the functions of a kernel module
    (`KernelSignature.h`). A work item is one point
    of every parallel rank and one tile of the lane rank; its loop runs over the
    planned key ranges in tiles anchored at the key index (RE-2). The body is that
    of the cascade, each einsum an `attn.tile_einsum` that writes a slice of the
    kernel's tensors or a buffer in the worker's workspace. Steps that the plan
    calls partial mask dead points by select; full steps hold no mask code. No
    buffer has the extent of both the query and the key rank.

    What does not fit this form is an error that says which operation stands in the
    way; `checkFusedCascade` answers the same question without changing anything,
    which is how attn-choose-form decides. `docs/rationale/tiling.md` explains the
    nest, `--attn-debug=tile` shows the buffers.

    On a CPU, a loop with `attn.requests` in front of an einsum asks memory for rows that
    are read later, where hardware does not find them by itself.

    With `warps`, steps of cascades that tensor cores may take are masked as a whole,
    and begin and end on whole tiles of the stream: registers are written out, and
    have no use for parts of a step. One that has fewer points than a tile computes
    all, where nothing but copies for products reads tensors at them (`attn.filled`:
    zeros stand where a step has no points), and masks those that it has not. Tiles
    that a map computes of a tensor of 16 bits say so (`attn.element`). Items whose
    tiles differ in work are numbered by tile, in groups, and those that take longest
    last, with which a grid of blocks begins.
  }];
  let options = [
    Option<"warps", "warps", "bool", "false",
           "Build for the blocks of a GPU: steps for the matrix products of "
           "warps where they may take them, long items last">,
    Option<"keyUnit", "key-unit", "int64_t", "0",
           "Ranges of keys of cascades that multiply bf16 begin and end on "
           "multiples of this; 0 is a register tile's rows">,
    Option<"pairs", "pairs", "bool", "false",
           "Rows of bf16 are asked for ahead, as products in pairs read them "
           "where they lie">,
    Option<"vectorMultiplies", "vector-multiplies", "int64_t", "2",
           "Fused multiply-adds of whole vectors that begin in a cycle">];
  let dependentDialects = ["::mlir::affine::AffineDialect",
                           "::mlir::arith::ArithDialect",
                           "::mlir::func::FuncDialect",
                           "::mlir::LLVM::LLVMDialect",
                           "::mlir::memref::MemRefDialect",
                           "::mlir::scf::SCFDialect"];
}

def AttnLowerEinsums : Pass<"attn-lower-einsums"> {
  let summary = "Lower einsums on memref tiles to vector loops";
  let description = [{
    Every `attn.tile_einsum` on memrefs becomes loops of the `scf`,
    `vector`, `memref` and `arith` dialects. The last rank of the result lies in
    vector lanes, or a reduced rank where operands have that one side by side and
    the other apart: vectors then hold partial results, and a tree of shuffles
    makes one vector of results of a register tile. Products that are summed use
    register tiles of `row-tile` rows by up to three vectors, more for few rows. Where attn-tile-cascade built the tiles, the rows are
    those of the mapping, which it leaves on the function as `attn.row_tile`. A
    quotient whose divisor is 0 is 0.

    Where attn-map-to-threads has given ranks to the threads of a block
    (`attn.thread_ranks`), each thread computes its points of them in scalar loops.
    A reduction in f32 to one number is shared out, too, and put together by
    shuffles and barriers.

    A result whose innermost rank has two points, side by side, is stored as
    interleaved vectors of the rank in front of it. A sum with `attn.pairs`
    (attn-pair-products) adds two products of bf16 by one instruction with
    `bf16-dots`, and one by one without or where it is masked. One with
    `attn.matrix_tiles` becomes tiles of the `amx` dialect with `amx`.

    What the next einsum does with a tile joins its loops where that is one operation
    of arithmetic on sums, in place, a reduction over the rows, in their order, or a copy
    of the rows in pairs. A product of accumulators in place joins the sum behind it. An operand that has the rows side by side is transposed in
    registers; such a copy of whole matrix tiles, and one with `attn.seldom`, that stands in
    several places becomes a function. A loop with `attn.requests` in front of products, which asks memory for rows
    that are read later, runs a part at a time between their sums.
  }];
  let options = [
    Option<"vectorBits", "vector-bits", "int64_t", "512",
           "width of a vector register in bits">,
    Option<"rowTile", "row-tile", "int64_t", "8",
           "rows of a register tile">,
    Option<"bf16Dots", "bf16-dots", "bool", "false",
           "the target has AVX-512 BF16">,
    Option<"amx", "amx", "bool", "false",
           "the target has AMX with BF16">];
  let dependentDialects = ["::mlir::amx::AMXDialect",
                           "::mlir::arith::ArithDialect",
                           "::mlir::gpu::GPUDialect",
                           "::mlir::LLVM::LLVMDialect",
                           "::mlir::math::MathDialect",
                           "::mlir::memref::MemRefDialect",
                           "::mlir::NVVM::NVVMDialect",
                           "::mlir::scf::SCFDialect",
                           "::mlir::vector::VectorDialect"];
}

def AttnPairProducts : Pass<"attn-pair-products", "::mlir::ModuleOp"> {
  let summary = "Lay bf16 operands of products out in pairs";
  let description = [{
    For targets with instructions that multiply pairs of bf16 and add both products
    to a sum in f32 (`vdpbf16ps`; Intel 64 SDM, vol. 2). In functions whose tiles
    attn-tile-cascade built, sums of products of a tile over the lanes and one
    without, a copy of a tensor of bf16, are split into pairs of points:

    - the copy keeps bf16: `[column, depth]` as it is, `[depth, column]` as
      `[pair, column, 2]`;
    - lanes become `[pair, lane, 2]`. Copies of a tensor of bf16 keep its bits; a
      factor of such a copy moves behind the sum unless it is a power of two.
      Weights, computed from other tiles, are rounded to bf16 (NU-2).

    The second place of a pair along rows holds the first of two rows, since an
    instruction adds its second product first: sums do not depend on where a step
    begins. Products get `attn.pairs`; those that stay in f32 get a remark that says
    why. Weights are packed right behind what computes them where nothing stands in
    between, and the copy has `attn.last_reader` where nothing else reads them.

    With `tiles` the layouts are those of a unit that multiplies tiles of 16 rows and 32
    points (AMX): rows of a pair in their order, `[depth, column]` as `[column, depth]`,
    and every extent filled up to whole tiles, with zeros along the sum. Such products
    have `attn.matrix_tiles`, too. A product with a mask becomes that of what is finite,
    in tiles, and that of what is not, one by one (docs/rationale/matrix-tiles.md).

    Copies of tensors that the function only reads stay behind the worker's scratch,
    where later items find them, `kept-bytes` of a tensor at most; what makes such a copy
    has `attn.seldom`. Such functions take
    8 bytes in front of the scratch that are 0 when a worker's first items of a phase run
    (docs/rationale/kept-copies.md).
  }];
  let options = [
    Option<"vectorBits", "vector-bits", "int64_t", "512",
           "width of a vector register in bits">,
    Option<"tiles", "tiles", "bool", "false",
           "lay pairs out for a unit that multiplies tiles of 16 rows and 16 "
           "pairs (AMX)">,
    Option<"keptBytes", "kept-bytes", "int64_t", "8388608",
           "bytes that a worker may keep of a tensor's copies for later items">];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::LLVM::LLVMDialect",
                           "::mlir::math::MathDialect",
                           "::mlir::memref::MemRefDialect",
                           "::mlir::scf::SCFDialect"];
}

def AttnMapToWarps : Pass<"attn-map-to-warps", "::mlir::ModuleOp"> {
  let summary = "Give the lanes of an item to warps, for tensor cores";
  let description = [{
    For GPUs, after attn-tile-cascade and attn-assign-workspace, before
    attn-map-to-threads. In a function that multiplies tiles of bf16 or f16, a warp
    takes 16 or 32 lanes as rows of its matrix products (`attn.warp_lanes`), and
    every buffer of the item gets a layout by the ranks that einsums read it with:

    - [lane] and [column, lane] leave scratch for registers: a `memref.alloca` with
      `attn.layout`, "row_vector" or "accumulator", that all threads of the block
      hold together.
    - A copy of rows of a tensor that is read by products alone stays in shared
      memory, [lane, column], in the tensor's type; a factor of the copy is applied
      to the sums, as rows with a factor are not exact in 16 bits. So do rows that a
      map computes in 16 bits (`attn.element`), which all threads share.
    - What has no lanes stays shared, and so do integers of lanes, as tokens. The
      right side of a product has the tensor's type, and rows padded such that
      matrices are loaded without conflicts.

    A loop over the lanes that stores their rows one by one gets `attn.row_loop`:
    each thread runs it for the rows that it holds.

    A function whose products are not of such rows and weights, whose extents are no
    multiples of those of `mma.sync.m16n8k16`, or whose tiles take more registers or
    more than `shared-bytes` bytes is left as it is, with a remark that says which.
  }];
  let options = [
    Option<"sharedBytes", "shared-bytes", "int64_t", "101376",
           "shared memory that a block may have, in bytes">];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::gpu::GPUDialect",
                           "::mlir::memref::MemRefDialect",
                           "::mlir::NVVM::NVVMDialect"];
}

def AttnDeferScales : Pass<"attn-defer-scales", "::mlir::ModuleOp"> {
  let summary = "Multiply rows of scores in the exponential that follows";
  let description = [{
    For functions of attn-map-to-warps. Scores that are products, or what a map makes
    of them, times positive constants, or -inf where a mask says so, and that nothing
    reads but their maximum over the points of the step and the exponential of their
    difference from a maximum, keep the constants until there: the maximum of each row
    is multiplied, with the same bits, and the exponential multiplies the score.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect"];
}

def AttnDeferRowSums : Pass<"attn-defer-row-sums", "::mlir::ModuleOp"> {
  let summary = "Sum rows over the threads that hold them behind the loop";
  let description = [{
    For functions of attn-map-to-warps, where four threads hold the columns of a row. A
    number for each row that starts as 0, that steps add the sums of columns to, multiplied
    by a number of the row or not, and that nothing reads before the last step, is linear
    in those sums: every thread keeps that of its own columns (`attn.thread_sum`), and they
    are added once, behind the last loop (`attn.join_threads`), which saves two shuffles
    and two additions a row in each step.
  }];
  let statistics = [
    Statistic<"numDeferred", "sums-deferred",
              "Sums of rows that threads join behind the loop">];
}

def AttnStageCopies : Pass<"attn-stage-copies", "::mlir::ModuleOp"> {
  let summary = "Copy the tiles of the next step while a step computes";
  let description = [{
    For functions of attn-map-to-warps. The copies that every step of a loop makes
    of its tensors, in all branches alike, get a second place in shared memory as far
    as `shared-bytes` goes; those of the next step are started before a step
    computes, and awaited at the start of the next one, with one barrier. What a copy
    reads must follow from the number of the step, or be a table of integers that
    does: such tables are written two steps ahead, to one of three places. Where steps
    without live points are left out, nothing is copied for them. Copies that go on
    while threads do something else have `attn.async`; the others are awaited where they
    stand.
  }];
  let options = [
    Option<"sharedBytes", "shared-bytes", "int64_t", "101376",
           "shared memory that a block may have, in bytes">];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::gpu::GPUDialect",
                           "::mlir::memref::MemRefDialect",
                           "::mlir::NVVM::NVVMDialect",
                           "::mlir::scf::SCFDialect"];
}

def AttnSpecializeSteps : Pass<"attn-specialize-steps", "::mlir::ModuleOp"> {
  let summary = "Give steps with all points of their tile a branch of their own";
  let description = [{
    For functions of attn-map-to-warps: the part of a step that computes, or its
    branch without masks where it has one, is written twice, once for steps with as
    many points as the tile has columns, where the sizes are static.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::scf::SCFDialect"];
}

def AttnNarrowIndices : Pass<"attn-narrow-indices", "::mlir::ModuleOp"> {
  let summary = "Count in 32 bits what is known to fit them";
  let description = [{
    For functions that attn-map-to-threads shares out: affine expressions become
    arithmetic, and indices that ranges of integers show to fit 32 bits are computed in
    them, since a GPU computes those of 64 in two parts. No tensor of a call has a
    dimension beyond 2^30, and no launch more than 2^31 - 1 items: launchers refuse
    them. Points of a tile lie in the static extents of its operands.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::memref::MemRefDialect",
                           "::mlir::scf::SCFDialect"];
}

def AttnLowerCopies : Pass<"attn-lower-copies"> {
  let summary = "Lower copies to shared memory to cp.async";
  let description = [{
    An einsum with `attn.async` becomes copies of 16 bytes, `nvvm.cp.async`, of
    neighbours by neighbouring threads, and one group of them. Rows that the operand
    does not have are zeros. A branch copies element by element where a call's
    strides or addresses are no multiples of 16 bytes; it is the only one where rows
    are not contiguous or elements are converted.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::gpu::GPUDialect",
                           "::mlir::LLVM::LLVMDialect",
                           "::mlir::memref::MemRefDialect",
                           "::mlir::NVVM::NVVMDialect",
                           "::mlir::scf::SCFDialect"];
}

def AttnLowerFragments : Pass<"attn-lower-fragments", "::mlir::ModuleOp"> {
  let summary = "Lower einsums over the lanes of warps to registers";
  let description = [{
    In functions of attn-map-to-warps, every einsum over the lanes becomes scalar
    code on the registers that a thread holds of its operands, written out; a tile
    is a `memref.alloca` of the thread's own, which LLVM keeps in registers, as all
    indices are constants. Products of matrices become `nvvm.ldmatrix` and
    `nvvm.mma.sync`; reductions over columns end with shuffles between the four
    threads of a row; any other reduction is a loop over its depth. In a loop with
    `attn.row_loop` a thread stores the rows that it holds.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::gpu::GPUDialect",
                           "::mlir::LLVM::LLVMDialect",
                           "::mlir::math::MathDialect",
                           "::mlir::memref::MemRefDialect",
                           "::mlir::NVVM::NVVMDialect",
                           "::mlir::scf::SCFDialect"];
}

def AttnMapToThreads : Pass<"attn-map-to-threads", "::mlir::ModuleOp"> {
  let summary = "Share out the work of an item between the threads of a block";
  let description = [{
    For GPUs, after attn-tile-cascade, attn-assign-workspace and
    attn-lower-linalg-to-loops{parallel}. All threads of a block walk the loops of
    an item together; what is written is shared out:

    - A lane is a thread. An einsum whose result has the rank of the lanes works on
      columns of scratch that belong to one thread alone (`attn.thread_ranks` names
      the rank), and needs no barrier.
    - Any other einsum, and every `scf.parallel`, is computed by all threads
      together, between two `gpu.barrier`.
    - A store that stands alone is done by the first thread.

    Every iteration of a loop that writes begins with a barrier: scratch that takes
    turns in one place belongs to different iterations or branches. A function with
    lanes is run by as many threads as it has lanes, in whole warps, any other by
    `threads`; `attn.block_threads` holds the number.
  }];
  let options = [
    Option<"threads", "threads", "int64_t", "128",
           "threads of a block that runs an item without lanes">];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::gpu::GPUDialect",
                           "::mlir::scf::SCFDialect"];
}

def AttnMapToBlocks : Pass<"attn-map-to-blocks", "::mlir::ModuleOp"> {
  let summary = "Make a grid of thread blocks of every phase of a kernel";
  let description = [{
    The functions of the kernel move into a `gpu.module`, with one `gpu.func` for
    each phase: a block takes items, as many blocks apart as the grid has, and runs
    them one after the other. The kernels take bare pointers, strides and extents;
    `attn.launches` on the module says which, how many blocks and threads a launch
    has and how much memory it needs, as formulas of the extents
    (`attn/Conversion/Launches.h`).

    The workspace of a worker is memory that the threads of a block share where it
    has at most `shared-bytes` bytes, else a part of the workspace in global memory
    for each of up to `max-blocks` blocks, as far as `max-scratch` bytes go, with a
    remark. Parameters of more than 4096 bytes are refused.

    Where the kernel takes operands whose values a call checks (permutations,
    segments, lists), two launches come first: `NAME_prepare` clears the call's
    status and a bit for each token of a permutation, `NAME_check` looks for what is
    wrong. After a finding no other kernel writes anything.
  }];
  let options = [
    Option<"sharedBytes", "shared-bytes", "int64_t", "101376",
           "shared memory that a block may have, in bytes">,
    Option<"maxBlocks", "max-blocks", "int64_t", "1024",
           "most blocks of a launch whose blocks have scratch in global memory">,
    Option<"maxScratch", "max-scratch", "int64_t", "1073741824",
           "bytes of such scratch beyond which there are fewer blocks">,
    Option<"residentBlocks", "resident-blocks", "int64_t", "1",
           "blocks that a multiprocessor is to hold at once">,
    Option<"checkValues", "check-values", "bool", "true",
           "Check the values of permutations, segments and lists">];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::func::FuncDialect",
                           "::mlir::gpu::GPUDialect",
                           "::mlir::LLVM::LLVMDialect",
                           "::mlir::scf::SCFDialect"];
}

def AttnLowerThreads : Pass<"attn-lower-threads", "::mlir::gpu::GPUModuleOp"> {
  let summary = "Lower threads, blocks, barriers and kernels to NVVM";
  let description = [{
    Numbers of threads and blocks become reads of special registers, with the range
    that the number of threads gives them, `gpu.barrier` becomes `nvvm.barrier0`, and
    a kernel a function of the LLVM dialect with the attributes of NVVM. What is
    computed in them is left to convert-to-llvm. Unlike convert-gpu-to-nvvm it
    touches no mathematical function, so none becomes a call of libdevice.

    Dimensions beyond the first, other operations of the dialect and kernels that
    take memrefs are refused.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::LLVM::LLVMDialect",
                           "::mlir::NVVM::NVVMDialect"];
}

def AttnExpandMath : Pass<"attn-expand-math"> {
  let summary = "Replace elementary functions by arithmetic";
  let description = [{
    Rewrites elementary functions on f32 and f64 scalars and vectors as arithmetic
    without library calls: exp, exp2, expm1, log, log2, log10, log1p and tanh
    within 2 units in the last place. NaN stays NaN, infinities are right,
    subnormal numbers are neither lost nor flushed, and no fast-math flag is
    used or set.

    Functions on bf16 and f16 are computed in f32 and rounded. What is left
    (functions such as sin and erf) becomes calls of libm later; for a GPU, which
    has none, it is an error. The errors are
    those of exhaustive tests over all f32; `docs/rationale/elementary-functions.md`
    says how they are reached.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::LLVM::LLVMDialect",
                           "::mlir::math::MathDialect",
                           "::mlir::vector::VectorDialect"];
  let options = [
    Option<"fma", "fma", "bool", "true",
           "The target has fused multiply-add instructions">,
    Option<"avx512", "avx512", "bool", "false",
           "The target has AVX-512: scale by vscalefps">,
    Option<"gpu", "gpu", "bool", "false",
           "The target has an exp2 of f32 and no libm: what would become a call "
           "of it is refused">,
  ];
}

def AttnLowerToLinalg : Pass<"attn-lower-to-linalg"> {
  let summary = "Lower cascades einsum by einsum to linalg on tensors";
  let description = [{
    The unfused route: every einsum becomes one `linalg.generic`, every
    intermediate a tensor. Any cascade compiles this way, slower and correct; a
    remark names what it materialises.

    The numeric rules of maps hold: a quotient whose divisor is 0 is 0; a maximum
    over nothing is -inf, and the least finite number inside a map; the result is
    accumulated in the compute type and rounded once. Points outside the sparsity
    and the lengths are tested by their indices, and what they compute is dropped
    by select before it is reduced; einsums without a reduction hold 0 there.
    Index expressions that are no ranks become loads in the body, clamped to the
    tensor. `attn.iterate` becomes `scf.for` over the carried tensors.

    An `attn.attention` that was not expanded, and a rank whose extent no input has,
    are errors. `docs/rationale/unfused.md` explains the form.
  }];
  let options = [
    Option<"remarks", "remarks", "bool", "true",
           "Emit a remark for every cascade">,
  ];
  let dependentDialects = ["::mlir::affine::AffineDialect",
                           "::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::math::MathDialect",
                           "::mlir::scf::SCFDialect",
                           "::mlir::tensor::TensorDialect"];
}

def AttnDistributeCascade
    : Pass<"attn-distribute-cascade", "::mlir::ModuleOp"> {
  let summary = "Turn an unfused cascade into a loop over independent items";
  let description = [{
    In a function of one cascade without a mapping, ranks that all its einsums
    keep, and that no index expression mixes with others, become an `scf.forall`
    around the cascade of one point. The innermost rank of the result stays. An
    item holds intermediate results of one point alone, and items run in
    parallel. A cascade without such a rank is one item.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::scf::SCFDialect",
                           "::mlir::tensor::TensorDialect"];
}

def AttnOutlineKernel : Pass<"attn-outline-kernel", "::mlir::ModuleOp"> {
  let summary = "Turn a function on tensors into the functions of a kernel";
  let description = [{
    Replaces the module's kernel by the functions that the C ABI calls
    (`KernelSignature.h`), whose body reads its tensors from the arguments and
    materialises its results in the outputs. An `scf.forall` that is all there is
    but for reshapes gives one item for each of its points; anything else is one
    item. The signature is that of `attn-describe-kernel`. Of a split kernel all
    phases that are left are outlined. A call of another function is an error, and
    so is a signature that `attn.kernels` does not describe.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::bufferization::BufferizationDialect",
                           "::mlir::func::FuncDialect",
                           "::mlir::LLVM::LLVMDialect",
                           "::mlir::memref::MemRefDialect",
                           "::mlir::scf::SCFDialect"];
}

def AttnBufferizeKernel : Pass<"attn-bufferize-kernel", "::mlir::ModuleOp"> {
  let summary = "Bufferize a kernel whose boundary is memrefs";
  let description = [{
    One-shot bufferization inside functions. Copies become `linalg.copy`, since a
    copy between strided memrefs would call a runtime library. Operations of the
    dialect that have no form on buffers are errors that name the pass to run first.
  }];
  let dependentDialects = ["::mlir::bufferization::BufferizationDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::memref::MemRefDialect"];
}

def AttnAssignWorkspace : Pass<"attn-assign-workspace", "::mlir::ModuleOp"> {
  let summary = "Place a kernel's buffers in its workspace";
  let description = [{
    Every `memref.alloc` of a run function becomes a view of the workspace at a
    multiple of 64 bytes: of the worker's where the items are independent
    (`attn.per_worker`), else of the shared one. Buffers of equal size whose
    lifetimes do not overlap share their place. `NAME_shared` and `NAME_worker`
    return the bytes needed for the extents of a call. Sizes that depend on
    anything but the extents of the kernel's tensors are refused, and so are
    more than `max-bytes` where the extents are known.
  }];
  let options = [
    Option<"maxBytes", "max-bytes", "int64_t", "0",
           "largest size of the buffers of a phase; 0 is no limit">,
  ];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::func::FuncDialect",
                           "::mlir::LLVM::LLVMDialect",
                           "::mlir::memref::MemRefDialect"];
}

def AttnLowerLinalgToLoops : Pass<"attn-lower-linalg-to-loops"> {
  let summary = "Lower linalg.generic on buffers to loops that vectorise";
  let description = [{
    Like `convert-linalg-to-loops`, but for what LLVM cannot know: that the
    result overlaps no operand except element by element. Where the innermost
    loop reduces into one element, the element is carried in a value and stored
    once; operands that do not move in the innermost loop are loaded in front of
    it. Operations with several results are left alone.

    With `parallel`, the ranks that no reduction collapses become one
    `scf.parallel`, whose points attn-map-to-threads gives to threads.
  }];
  let options = [
    Option<"parallel", "parallel", "bool", "false",
           "Keep independent points in scf.parallel">,
  ];
  let dependentDialects = ["::mlir::affine::AffineDialect",
                           "::mlir::arith::ArithDialect",
                           "::mlir::memref::MemRefDialect",
                           "::mlir::scf::SCFDialect"];
}

def AttnPromotePrecision : Pass<"attn-promote-precision", "::mlir::ModuleOp"> {
  let summary = "Compute a module in double precision";
  let description = [{
    Turns every float type of the module into f64: tensors, scalars, constants,
    attributes. What is computed then is the reference that `--verify` compares
    with. Conversions between float types vanish. With `boundary=false` the
    public functions keep their types and convert on entry and exit.

    Runs on operators and cascades, before anything is lowered. What reads the bits
    of a float, as `arith.bitcast` does, and a dense resource of floats are errors.
  }];
  let options = [
    Option<"boundary", "boundary", "bool", "true",
           "Promote the arguments and results of public functions, too">,
  ];
  let dependentDialects = ["::mlir::arith::ArithDialect"];
}

#endif // ATTN_CONVERSION_PASSES_TD
