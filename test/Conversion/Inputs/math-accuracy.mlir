func.func @test_exp(%lanes: !llvm.ptr) {
  %x = llvm.load %lanes {alignment = 4 : i64} : !llvm.ptr -> vector<16xf32>
  %y = math.exp %x : vector<16xf32>
  llvm.store %y, %lanes {alignment = 4 : i64} : vector<16xf32>, !llvm.ptr
  return
}

func.func @test_exp2(%lanes: !llvm.ptr) {
  %x = llvm.load %lanes {alignment = 4 : i64} : !llvm.ptr -> vector<16xf32>
  %y = math.exp2 %x : vector<16xf32>
  llvm.store %y, %lanes {alignment = 4 : i64} : vector<16xf32>, !llvm.ptr
  return
}

func.func @test_expm1(%lanes: !llvm.ptr) {
  %x = llvm.load %lanes {alignment = 4 : i64} : !llvm.ptr -> vector<16xf32>
  %y = math.expm1 %x : vector<16xf32>
  llvm.store %y, %lanes {alignment = 4 : i64} : vector<16xf32>, !llvm.ptr
  return
}

func.func @test_log(%lanes: !llvm.ptr) {
  %x = llvm.load %lanes {alignment = 4 : i64} : !llvm.ptr -> vector<16xf32>
  %y = math.log %x : vector<16xf32>
  llvm.store %y, %lanes {alignment = 4 : i64} : vector<16xf32>, !llvm.ptr
  return
}

func.func @test_log2(%lanes: !llvm.ptr) {
  %x = llvm.load %lanes {alignment = 4 : i64} : !llvm.ptr -> vector<16xf32>
  %y = math.log2 %x : vector<16xf32>
  llvm.store %y, %lanes {alignment = 4 : i64} : vector<16xf32>, !llvm.ptr
  return
}

func.func @test_log10(%lanes: !llvm.ptr) {
  %x = llvm.load %lanes {alignment = 4 : i64} : !llvm.ptr -> vector<16xf32>
  %y = math.log10 %x : vector<16xf32>
  llvm.store %y, %lanes {alignment = 4 : i64} : vector<16xf32>, !llvm.ptr
  return
}

func.func @test_log1p(%lanes: !llvm.ptr) {
  %x = llvm.load %lanes {alignment = 4 : i64} : !llvm.ptr -> vector<16xf32>
  %y = math.log1p %x : vector<16xf32>
  llvm.store %y, %lanes {alignment = 4 : i64} : vector<16xf32>, !llvm.ptr
  return
}

func.func @test_tanh(%lanes: !llvm.ptr) {
  %x = llvm.load %lanes {alignment = 4 : i64} : !llvm.ptr -> vector<16xf32>
  %y = math.tanh %x : vector<16xf32>
  llvm.store %y, %lanes {alignment = 4 : i64} : vector<16xf32>, !llvm.ptr
  return
}
