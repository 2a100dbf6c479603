//===- AttnTransformOps.td - Transform dialect operations --*- tablegen -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TRANSFORMOPS_ATTNTRANSFORMOPS_TD
#define ATTN_TRANSFORMOPS_ATTNTRANSFORMOPS_TD

include "mlir/Dialect/Transform/IR/TransformDialect.td"
include "mlir/Dialect/Transform/IR/TransformTypes.td"
include "mlir/Dialect/Transform/Interfaces/TransformInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "mlir/IR/OpBase.td"

/// Transforms each payload operation by itself. The handle is consumed, and with
/// it those to operations inside; the result is a handle to what it became.
class Attn_TransformOp<string mnemonic>
    : Op<Transform_Dialect, "attn." # mnemonic, [
        FunctionalStyleTransformOpTrait, MemoryEffectsOpInterface,
        TransformOpInterface, TransformEachOpTrait]> {
  let cppNamespace = "::mlir::attn";
  let arguments = (ins TransformHandleTypeInterface:$target);
  let results = (outs TransformHandleTypeInterface:$transformed);
  let assemblyFormat =
      "$target attr-dict `:` functional-type(operands, results)";
  let extraClassDeclaration = [{
    ::mlir::DiagnosedSilenceableFailure applyToOne(
        ::mlir::transform::TransformRewriter &rewriter,
        ::mlir::Operation *target,
        ::mlir::transform::ApplyToEachResultList &results,
        ::mlir::transform::TransformState &state);
  }];
}

def TransformExpandAttentionOp : Attn_TransformOp<"expand_attention"> {
  let summary = "write attn.attention, attn.merge or attn.mix as cascades";
  let description = [{
    `attn-expand-attention` on one operation; the result is a handle to the
    `attn.cascade`. Fails silenceably on anything else than an `attn.attention` or
    an `attn.merge` or `attn.mix`; an operator that cannot be expanded is a definite failure.

    ```mlir test
    module attributes {transform.with_named_sequence} {
      transform.named_sequence @__transform_main(%root: !transform.any_op {transform.consumed}) {
        %op = transform.structured.match ops{["attn.attention"]} in %root
            : (!transform.any_op) -> !transform.any_op
        %cascade = transform.attn.expand_attention %op : (!transform.any_op) -> !transform.any_op
        %deferred = transform.attn.defer_division %cascade : (!transform.any_op) -> !transform.any_op
        %derived = transform.attn.derive_single_pass %deferred : (!transform.any_op) -> !transform.any_op
        transform.yield
      }
    }
    ```
  }];
}

def TransformMergeCascadesOp : Attn_TransformOp<"merge_cascades"> {
  let summary = "inline cascades into those that read or follow them";
  let description = [{
    `attn-merge-cascades` on one function; the result is a handle to it.
  }];
}

def TransformNormalizeCascadeOp : Attn_TransformOp<"normalize_cascade"> {
  let summary = "bring a cascade into its canonical form";
  let description = [{
    `attn-normalize-cascade` on one cascade; the result is a handle to the new
    one. Cascades with a mapping or a plan are left as they are.
  }];
  let arguments = (ins TransformHandleTypeInterface:$target,
                       UnitAttr:$rename_ranks);
}

def TransformDeferDivisionOp : Attn_TransformOp<"defer_division"> {
  let summary = "move factors out of the linear reductions that follow them";
  let description = [{
    `attn-defer-division` on one cascade; the result is a handle to the cascade,
    changed or not. Fails silenceably on anything else.
  }];
}

def TransformDeriveSinglePassOp : Attn_TransformOp<"derive_single_pass"> {
  let summary = "derive the single-pass form of a cascade";
  let description = [{
    `attn-derive-single-pass` on one cascade. Fails silenceably, naming the
    einsum and why, where no law repairs it; the cascade is unchanged then.
  }];
}

def TransformPlanSparsityOp : Attn_TransformOp<"plan_sparsity"> {
  let summary = "turn a cascade's sparsity into key ranges of its loops";
  let description = [{
    `attn-plan-sparsity` on one cascade, after its single-pass form is derived; the
    result is a handle to it. A sparsity that cannot be planned is a definite
    failure.
  }];
}

def TransformChooseMappingOp : Attn_TransformOp<"choose_mapping"> {
  let summary = "choose lanes, tiles and work items of a cascade";
  let description = [{
    `attn-choose-mapping` on one cascade, with its options as attributes: what
    the machine has, and what the schedule fixes. 0 and an empty list leave the
    choice to the model.

    ```mlir test
    module attributes {transform.with_named_sequence} {
      transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
        %cascade = transform.structured.match ops{["attn.cascade"]} in %root
            : (!transform.any_op) -> !transform.any_op
        %mapped = transform.attn.choose_mapping %cascade
            {stream_tile = 64, lane_tiles = array<i64: 32, 16>}
            : (!transform.any_op) -> !transform.any_op
        transform.yield
      }
    }
    ```

    Sizes of caches and of vector registers are bytes and bits, tiles are points of
    a rank.

    A mapping that the cascade has already is replaced. Fails silenceably where
    no rank can be lanes.
  }];
  let arguments = (ins
    TransformHandleTypeInterface:$target,
    DefaultValuedAttr<ConfinedAttr<I64Attr, [IntPositive]>, "32">:$vector_registers,
    DefaultValuedAttr<ConfinedAttr<I64Attr, [IntPositive]>, "512">:$vector_bits,
    DefaultValuedAttr<ConfinedAttr<I64Attr, [IntPositive]>, "32768">:$l1_bytes,
    DefaultValuedAttr<ConfinedAttr<I64Attr, [IntPositive]>, "1048576">:$l2_bytes,
    DefaultValuedAttr<DenseI64ArrayAttr, "{}">:$lane_tiles,
    DefaultValuedAttr<ConfinedAttr<I64Attr, [IntNonNegative]>, "0">:$stream_tile,
    DefaultValuedAttr<ConfinedAttr<I64Attr, [IntNonNegative]>, "0">:$row_tile);
}

def TransformFuseCascadeOp : Attn_TransformOp<"fuse_cascade"> {
  let summary = "fuse the maps of a cascade and fold constant factors";
  let description = [{
    `attn-fuse-cascade` on one cascade; the result is a handle to it.
  }];
}

def TransformLowerToLinalgOp : Op<Transform_Dialect, "attn.lower_to_linalg", [
    FunctionalStyleTransformOpTrait, MemoryEffectsOpInterface,
    DeclareOpInterfaceMethods<TransformOpInterface>]> {
  let summary = "lower a cascade einsum by einsum to linalg on tensors";
  let description = [{
    `attn-lower-to-linalg` on each cascade; the result is a handle to the linalg
    operations that compute them, in their order, for the structured transforms
    of upstream. A cascade that cannot be lowered is a definite failure.

    ```mlir test
    module attributes {transform.with_named_sequence} {
      transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
        %cascade = transform.structured.match ops{["attn.cascade"]} in %root
            : (!transform.any_op) -> !transform.any_op
        %linalg = transform.attn.lower_to_linalg %cascade : (!transform.any_op) -> !transform.any_op
        transform.yield
      }
    }
    ```
  }];
  let cppNamespace = "::mlir::attn";
  let arguments = (ins TransformHandleTypeInterface:$target);
  let results = (outs TransformHandleTypeInterface:$transformed);
  let assemblyFormat =
      "$target attr-dict `:` functional-type(operands, results)";
}

#endif // ATTN_TRANSFORMOPS_ATTNTRANSFORMOPS_TD
