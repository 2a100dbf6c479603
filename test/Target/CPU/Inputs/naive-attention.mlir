// Attention on one query row at a time, written in upstream dialects: a stand-in
// for what the pipeline produces. Two passes over the keys; the row of o holds
// the numerator, the worker's scratch the scores of four keys.

#layout = strided<[?, ?, ?, 1], offset: ?>
!t = memref<?x?x?x?xf32, #layout>

module attributes {attn.kernels = [
  {name = "attention", phases = 1 : i64, worker_workspace = 16 : i64, tensors = [
    {name = "q", type = tensor<?x?x?x?xf32>, dims = ["b", "h", "m", "e"], output = false},
    {name = "k", type = tensor<?x?x?x?xf32>, dims = ["b", "h", "n", "e"], output = false},
    {name = "v", type = tensor<?x?x?x?xf32>, dims = ["b", "h", "n", "e"], output = false},
    {name = "o", type = tensor<?x?x?x?xf32>, dims = ["b", "h", "m", "e"], output = true}]}]} {

func.func @attention_items0(%q: !t, %k: !t, %v: !t, %o: !t) -> i64 attributes {llvm.emit_c_interface} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %b = memref.dim %q, %c0 : !t
  %h = memref.dim %q, %c1 : !t
  %m = memref.dim %q, %c2 : !t
  %bh = arith.muli %b, %h : index
  %bhm = arith.muli %bh, %m : index
  %items = arith.index_cast %bhm : index to i64
  return %items : i64
}

func.func @attention_run0(%q: !t, %k: !t, %v: !t, %o: !t, %begin: i64, %end: i64, %scratch: !llvm.ptr,
                          %shared: !llvm.ptr) attributes {llvm.emit_c_interface} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c3 = arith.constant 3 : index
  %zero = arith.constant 0.0 : f32
  %least = arith.constant -3.40282347E+38 : f32
  %h = memref.dim %q, %c1 : !t
  %m = memref.dim %q, %c2 : !t
  %e = memref.dim %q, %c3 : !t
  %n = memref.dim %k, %c2 : !t
  %ei = arith.index_cast %e : index to i64
  %ef = arith.sitofp %ei : i64 to f32
  %scale = math.rsqrt %ef : f32
  %from = arith.index_cast %begin : i64 to index
  %to = arith.index_cast %end : i64 to index
  scf.for %item = %from to %to step %c1 {
    %mi = arith.remsi %item, %m : index
    %rest = arith.divsi %item, %m : index
    %hi = arith.remsi %rest, %h : index
    %bi = arith.divsi %rest, %h : index
    scf.for %f = %c0 to %e step %c1 {
      memref.store %zero, %o[%bi, %hi, %mi, %f] : !t
    }
    %max, %sum = scf.for %ni = %c0 to %n step %c1 iter_args(%max0 = %least, %sum0 = %zero) -> (f32, f32) {
      %dot = scf.for %f = %c0 to %e step %c1 iter_args(%acc = %zero) -> f32 {
        %x = memref.load %q[%bi, %hi, %mi, %f] : !t
        %y = memref.load %k[%bi, %hi, %ni, %f] : !t
        %xy = arith.mulf %x, %y : f32
        %next = arith.addf %acc, %xy : f32
        scf.yield %next : f32
      }
      %score = arith.mulf %dot, %scale : f32
      llvm.store %score, %scratch : f32, !llvm.ptr
      %max1 = arith.maximumf %max0, %score : f32
      %fixArg = arith.subf %max0, %max1 : f32
      %fix = math.exp %fixArg : f32
      %pArg = arith.subf %score, %max1 : f32
      %p = math.exp %pArg : f32
      %sumFixed = arith.mulf %sum0, %fix : f32
      %sum1 = arith.addf %sumFixed, %p : f32
      scf.for %f = %c0 to %e step %c1 {
        %old = memref.load %o[%bi, %hi, %mi, %f] : !t
        %y = memref.load %v[%bi, %hi, %ni, %f] : !t
        %fixed = arith.mulf %old, %fix : f32
        %py = arith.mulf %p, %y : f32
        %new = arith.addf %fixed, %py : f32
        memref.store %new, %o[%bi, %hi, %mi, %f] : !t
      }
      scf.yield %max1, %sum1 : f32, f32
    }
    %some = arith.cmpf one, %sum, %zero : f32
    scf.if %some {
      scf.for %f = %c0 to %e step %c1 {
        %old = memref.load %o[%bi, %hi, %mi, %f] : !t
        %new = arith.divf %old, %sum : f32
        memref.store %new, %o[%bi, %hi, %mi, %f] : !t
      }
    }
  }
  return
}
}
