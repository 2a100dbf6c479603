// RUN: attn-opt --transform-interpreter --split-input-file --verify-diagnostics %s

module attributes {transform.with_named_sequence} {
  // expected-note @+1 {{this is 'func.func'}}
  func.func @wrong_target() {
    return
  }
  transform.named_sequence @__transform_main(%root: !transform.any_op) {
    %function = transform.structured.match ops{["func.func"]} in %root : (!transform.any_op) -> !transform.any_op
    // expected-error @+1 {{'transform.attn.expand_attention' works on attn.attention, attn.merge and attn.mix}}
    %cascade = transform.attn.expand_attention %function : (!transform.any_op) -> !transform.any_op
    transform.yield
  }
}

// -----

// No law repairs a cosine of the running maximum.
module attributes {transform.with_named_sequence} {
  func.func @no_single_pass(%s: tensor<?x?xf32>) -> tensor<?xf32> {
    %o = attn.cascade (%S = %s) : (tensor<?x?xf32>) -> tensor<?xf32> {
      %x = attn.einsum [m] = %S[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
      // expected-note @+1 {{this einsum stops it}}
      %p = attn.einsum [m,n] = map(%S[m,n], %x[m]) {
      ^bb0(%a: f32, %b: f32):
        %d = arith.subf %a, %b : f32
        %e = math.cos %d : f32
        attn.yield %e : f32
      } : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
      %d = attn.einsum [m] = %p[m,n] reduce add(n) : (tensor<?x?xf32>) -> tensor<?xf32>
      attn.yield %d : tensor<?xf32>
    }
    return %o : tensor<?xf32>
  }
  transform.named_sequence @__transform_main(%root: !transform.any_op) {
    %cascade = transform.structured.match ops{["attn.cascade"]} in %root : (!transform.any_op) -> !transform.any_op
    // expected-error @+1 {{the cascade has no single-pass form: }}
    %derived = transform.attn.derive_single_pass %cascade : (!transform.any_op) -> !transform.any_op
    transform.yield
  }
}

// -----

module attributes {transform.with_named_sequence} {
  func.func @no_lanes(%s: tensor<?xf32>) -> tensor<f32> {
    %o = attn.cascade (%S = %s) : (tensor<?xf32>) -> tensor<f32> {
      %x = attn.einsum [] = %S[n] reduce max(n) : (tensor<?xf32>) -> tensor<f32>
      attn.yield %x : tensor<f32>
    }
    return %o : tensor<f32>
  }
  transform.named_sequence @__transform_main(%root: !transform.any_op) {
    %cascade = transform.structured.match ops{["attn.cascade"]} in %root : (!transform.any_op) -> !transform.any_op
    // expected-error @+1 {{the cascade cannot be mapped: no rank of every result is free of reductions and of iteration}}
    %mapped = transform.attn.choose_mapping %cascade : (!transform.any_op) -> !transform.any_op
    transform.yield
  }
}

// -----

module attributes {transform.with_named_sequence} {
  func.func @bad_tile(%q: tensor<?x?xf32>) -> tensor<?xf32> {
    %o = attn.cascade (%S = %q) : (tensor<?x?xf32>) -> tensor<?xf32> {
      %x = attn.einsum [m] = %S[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
      attn.yield %x : tensor<?xf32>
    }
    return %o : tensor<?xf32>
  }
  transform.named_sequence @__transform_main(%root: !transform.any_op) {
    %cascade = transform.structured.match ops{["attn.cascade"]} in %root : (!transform.any_op) -> !transform.any_op
    // expected-error @+1 {{cannot map the cascade: lane tiles are multiples of 8 up to 128; got 7}}
    %mapped = transform.attn.choose_mapping %cascade {lane_tiles = array<i64: 7>} : (!transform.any_op) -> !transform.any_op
    transform.yield
  }
}

// -----

module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op) {
    // expected-error @+1 {{'vector_bits' failed to satisfy constraint: 64-bit signless integer attribute whose value is positive}}
    %mapped = transform.attn.choose_mapping %root {vector_bits = 0} : (!transform.any_op) -> !transform.any_op
    transform.yield
  }
}
