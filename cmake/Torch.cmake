# polaris_torch: libtorch as an imported target. find_package(Torch) is not used: with the wheel of
# PyPI it asks for a CUDA toolkit even where only the CPU library is linked.
#
# POLARIS_TORCH_PREFIX (cache or environment) names a folder with include/ and lib/; the default is
# the wheel that `./dev setup` unpacks.
set(POLARIS_TORCH_PREFIX "$ENV{POLARIS_TORCH_PREFIX}" CACHE PATH
  "Folder of libtorch (include/, lib/); empty: .deps/wheels/torch")
set(torch_prefix "${POLARIS_TORCH_PREFIX}")
if(NOT torch_prefix)
  set(torch_prefix "${PROJECT_SOURCE_DIR}/.deps/wheels/torch")
endif()
if(NOT EXISTS "${torch_prefix}/lib/libtorch_cpu.so")
  message(FATAL_ERROR "libtorch is not in ${torch_prefix} (lib/libtorch_cpu.so is missing). "
    "Run ./dev setup, or set POLARIS_TORCH_PREFIX to another libtorch 2.11 or newer.")
endif()

foreach(library torch_cpu c10)
  add_library(torch_lib_${library} SHARED IMPORTED)
  set_target_properties(torch_lib_${library} PROPERTIES
    IMPORTED_LOCATION "${torch_prefix}/lib/lib${library}.so")
endforeach()

# libtorch exports parts of the C++ library that it was built with (std::filesystem). The system's
# own comes first, so that ours are bound to that one.
add_library(polaris_torch INTERFACE)
target_link_libraries(polaris_torch INTERFACE stdc++ torch_lib_torch_cpu torch_lib_c10)
# Searched after the system's headers: the wheel brings a newer fmt, which is not the one we link.
target_compile_options(polaris_torch INTERFACE
  "SHELL:-idirafter \"${torch_prefix}/include\""
  "SHELL:-idirafter \"${torch_prefix}/include/torch/csrc/api/include\"")
# at::parallel_for is a template that does nothing in parallel unless its user is compiled with
# OpenMP. The library is the one that libtorch loads: they share the name libgomp.so.1.
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
  target_compile_options(polaris_torch INTERFACE -fopenmp)
  target_link_options(polaris_torch INTERFACE -fopenmp)
endif()
# libtorch_cpu.so of the wheel needs libcudart and libcupti, which sit in sibling packages.
set(nvidia_libs "${torch_prefix}/../nvidia/cu13/lib")
if(EXISTS "${nvidia_libs}")
  target_link_options(polaris_torch INTERFACE "LINKER:-rpath-link,${nvidia_libs}")
endif()

if(POLARIS_CUDA)
  # libtorch_cuda registers its kernels when it is loaded, so it must be, though nobody calls it.
  # What it needs of CUDA's own libraries is looked for when the program starts, not here: the
  # wheels that hold them need not be where it is built.
  target_link_libraries(polaris_torch INTERFACE
    "-Wl,--push-state,--no-as-needed,${torch_prefix}/lib/libtorch_cuda.so,--pop-state"
    "${torch_prefix}/lib/libc10_cuda.so")
  target_link_options(polaris_torch INTERFACE LINKER:--allow-shlib-undefined)
endif()
