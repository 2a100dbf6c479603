# Shared build settings: finds MLIR, sets flags, and defines how the project's
# libraries and executables are made. Everything links the MLIR and LLVM
# dylibs; mixing in MLIR's static component libraries would load MLIR twice.
include_guard(GLOBAL)

set(CMAKE_CXX_STANDARD 17)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_STANDARD 11)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()

find_package(MLIR REQUIRED CONFIG)
if(NOT LLVM_VERSION_MAJOR EQUAL 22 OR NOT LLVM_VERSION_MINOR EQUAL 1)
  message(FATAL_ERROR
    "attn-mlir needs LLVM/MLIR 22.1; found ${LLVM_VERSION} in ${MLIR_DIR}")
endif()
message(STATUS "Using MLIR ${LLVM_VERSION} from ${MLIR_DIR}")

list(APPEND CMAKE_MODULE_PATH "${MLIR_CMAKE_DIR}" "${LLVM_CMAKE_DIR}")
set(LLVM_RUNTIME_OUTPUT_INTDIR "${CMAKE_BINARY_DIR}/bin")
set(LLVM_LIBRARY_OUTPUT_INTDIR "${CMAKE_BINARY_DIR}/lib")
set(MLIR_BINARY_DIR "${CMAKE_BINARY_DIR}")
include(TableGen)
include(AddLLVM)
include(AddMLIR)

set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/lib")
set(CMAKE_ARCHIVE_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/lib")

include_directories(SYSTEM ${LLVM_INCLUDE_DIRS} ${MLIR_INCLUDE_DIRS})
separate_arguments(ATTN_LLVM_DEFINITIONS NATIVE_COMMAND "${LLVM_DEFINITIONS}")
add_definitions(${ATTN_LLVM_DEFINITIONS})

add_compile_options(
  -Wall -Wextra -Wno-unused-parameter
  $<$<COMPILE_LANGUAGE:CXX>:-fno-exceptions>
  $<$<COMPILE_LANGUAGE:CXX>:-Wno-comment>)

set(ATTN_SANITIZE "" CACHE STRING
  "Sanitizers for the compiler itself, as -fsanitize takes them")
if(ATTN_SANITIZE)
  add_compile_options(-fsanitize=${ATTN_SANITIZE} -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${ATTN_SANITIZE})
endif()

# A precompiled header of the MLIR headers nearly every file includes: it takes
# a small pass file from nine seconds to half a second.
function(attn_use_precompiled_header target)
  if(NOT TARGET AttnPrecompiledHeader)
    add_library(AttnPrecompiledHeader OBJECT
      "${PROJECT_SOURCE_DIR}/cmake/AttnPrecompiledHeader.cpp")
    target_precompile_headers(AttnPrecompiledHeader PRIVATE
      "${PROJECT_SOURCE_DIR}/cmake/AttnPrecompiledHeader.h")
  endif()
  target_precompile_headers(${target} REUSE_FROM AttnPrecompiledHeader)
endfunction()

# attn_add_library(Name SOURCES a.cpp ... LINKS Other ... DEPENDS tablegen ...)
# A static library of the project. MLIR itself is linked once, as a dylib, by
# whatever executable or plugin uses the library.
function(attn_add_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS;DEPENDS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  attn_use_precompiled_header(${name})
  target_link_libraries(${name} PUBLIC ${ARG_LINKS} MLIR LLVM)
  target_include_directories(${name} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
    $<BUILD_INTERFACE:${PROJECT_BINARY_DIR}/include>
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  if(ARG_DEPENDS)
    add_dependencies(${name} ${ARG_DEPENDS})
  endif()
endfunction()

# attn_add_tool(name SOURCES ... LINKS ...): an executable in bin/.
function(attn_add_tool name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  attn_use_precompiled_header(${name})
  target_link_libraries(${name} PRIVATE ${ARG_LINKS} MLIR LLVM)
  install(TARGETS ${name} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endfunction()
