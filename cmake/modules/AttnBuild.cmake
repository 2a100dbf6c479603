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
include(GNUInstallDirs)

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

# Debian's LLVM is built without assertions, and the layout and the operations
# of llvm::Statistic in its headers follow NDEBUG: code compiled without it would
# read fields that the library's constructors never set.
add_compile_definitions(NDEBUG)

set(ATTN_SANITIZE "" CACHE STRING
  "Sanitizers for the compiler itself, as -fsanitize takes them")
if(ATTN_SANITIZE)
  add_compile_options(-fsanitize=${ATTN_SANITIZE} -fno-sanitize-recover=all
    -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${ATTN_SANITIZE})
endif()

# ccache only caches a translation unit that uses a precompiled header when it
# may trust that header's content hash instead of its time stamp; clang must
# then leave the time stamp out of the header as well.
option(ATTN_USE_CCACHE "Compile through ccache when it is installed" ON)
find_program(ATTN_CCACHE ccache)
if(ATTN_USE_CCACHE AND ATTN_CCACHE)
  set(attn_ccache_launcher "${CMAKE_COMMAND}" -E env
    "CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime"
    "${ATTN_CCACHE}")
  set(CMAKE_C_COMPILER_LAUNCHER ${attn_ccache_launcher})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${attn_ccache_launcher})
  if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    add_compile_options(
      "$<$<COMPILE_LANGUAGE:CXX>:SHELL:-Xclang -fno-pch-timestamp>")
  endif()
endif()

set(ATTN_CMAKE_DIR "${CMAKE_CURRENT_LIST_DIR}/..")

# Executables share the precompiled header of the libraries, which clang allows
# only where both are compiled as the same kind of position independent code.
set(CMAKE_CXX_COMPILE_OPTIONS_PIE ${CMAKE_CXX_COMPILE_OPTIONS_PIC})

# A precompiled header of the MLIR headers nearly every file includes: it takes
# a small pass file from nine seconds to half a second.
function(attn_use_precompiled_header target)
  if(NOT TARGET AttnPrecompiledHeader)
    add_library(AttnPrecompiledHeader OBJECT
      "${ATTN_CMAKE_DIR}/AttnPrecompiledHeader.cpp")
    # By name, not by path, so that checkouts in different folders share a cache.
    # ccache preprocesses every file with it: it lies where all of them look.
    configure_file("${ATTN_CMAKE_DIR}/AttnPrecompiledHeader.h"
      "${PROJECT_BINARY_DIR}/include/AttnPrecompiledHeader.h" COPYONLY)
    target_include_directories(AttnPrecompiledHeader PRIVATE
      "${PROJECT_BINARY_DIR}/include")
    target_precompile_headers(AttnPrecompiledHeader PRIVATE
      <AttnPrecompiledHeader.h>)
  endif()
  target_precompile_headers(${target} REUSE_FROM AttnPrecompiledHeader)
endfunction()

# attn_add_library(Name SOURCES a.cpp ... LINKS Other ... DEPENDS tablegen ...
#                  [EXPORT set] [COMPONENT component])
# A static library of the project. MLIR itself is linked once, as a dylib, by
# whatever executable or plugin uses the library. It is installed and exported
# with the package `Attn` unless another export set is named.
function(attn_add_library name)
  cmake_parse_arguments(ARG "" "EXPORT;COMPONENT" "SOURCES;LINKS;DEPENDS"
    ${ARGN})
  if(NOT ARG_EXPORT)
    set(ARG_EXPORT AttnTargets)
    set(ARG_COMPONENT attn)
  endif()
  if(NOT ARG_SOURCES)
    add_library(${name} INTERFACE)
    target_link_libraries(${name} INTERFACE ${ARG_LINKS} MLIR LLVM)
    if(ARG_DEPENDS)
      add_dependencies(${name} ${ARG_DEPENDS})
    endif()
    install(TARGETS ${name} EXPORT ${ARG_EXPORT})
    return()
  endif()
  add_library(${name} STATIC ${ARG_SOURCES})
  attn_use_precompiled_header(${name})
  target_link_libraries(${name} PUBLIC ${ARG_LINKS} MLIR LLVM)
  target_include_directories(${name} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
    $<BUILD_INTERFACE:${PROJECT_BINARY_DIR}/include>
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_compile_features(${name} PUBLIC cxx_std_17)
  if(ARG_DEPENDS)
    add_dependencies(${name} ${ARG_DEPENDS})
  endif()
  install(TARGETS ${name} EXPORT ${ARG_EXPORT}
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT ${ARG_COMPONENT})
endfunction()

# attn_add_tool(name SOURCES ... LINKS ...): an executable in bin/.
function(attn_add_tool name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  set_target_properties(${name} PROPERTIES UNITY_BUILD OFF)
  attn_use_precompiled_header(${name})
  attn_set_sanitizer_defaults(${name})
  target_link_libraries(${name} PRIVATE ${ARG_LINKS} MLIR LLVM)
  install(TARGETS ${name}
    RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT attn)
endfunction()

# attn_set_sanitizer_defaults(target): lets an instrumented executable run
# without options in the environment.
function(attn_set_sanitizer_defaults target)
  if(ATTN_SANITIZE)
    target_sources(${target} PRIVATE
      "${ATTN_CMAKE_DIR}/AttnSanitizerDefaults.cpp")
  endif()
endfunction()

# attn_install_package(Name EXPORT set COMPONENT component VERSION v): the files
# with which find_package(Name) finds the exported libraries. The template is
# cmake/NameConfig.cmake.in.
function(attn_install_package name)
  cmake_parse_arguments(ARG "" "EXPORT;COMPONENT;VERSION" "" ${ARGN})
  include(CMakePackageConfigHelpers)
  set(destination "${CMAKE_INSTALL_LIBDIR}/cmake/${name}")
  set(generated "${CMAKE_CURRENT_BINARY_DIR}/cmake")
  configure_package_config_file("${ATTN_CMAKE_DIR}/${name}Config.cmake.in"
    "${generated}/${name}Config.cmake" INSTALL_DESTINATION "${destination}"
    PATH_VARS CMAKE_INSTALL_INCLUDEDIR CMAKE_INSTALL_BINDIR)
  write_basic_package_version_file("${generated}/${name}ConfigVersion.cmake"
    VERSION "${ARG_VERSION}" COMPATIBILITY SameMinorVersion)
  install(FILES "${generated}/${name}Config.cmake"
    "${generated}/${name}ConfigVersion.cmake"
    DESTINATION "${destination}" COMPONENT ${ARG_COMPONENT})
  install(EXPORT ${ARG_EXPORT} NAMESPACE attn:: DESTINATION "${destination}"
    COMPONENT ${ARG_COMPONENT})
endfunction()
