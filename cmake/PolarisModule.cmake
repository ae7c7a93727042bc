# polaris_module(<name> [DEPS <module>...] [LIBS <target>...] [TORCH])
#
# One static library per folder of src/. Sources and tests are picked up by name; a folder sees only
# the modules it lists, and only a TORCH folder gets libtorch's include path: anywhere else
# `#include <torch/...>` does not compile. LIBS are linked PRIVATE: a third-party header stays in
# the .cpp files of its folder.
#
# The name of a test file decides its CTest label (one binary per folder and label):
#   x_test.cpp       unit     (torch in a TORCH folder)
#   x_http_test.cpp  http     starts loopback servers
#   x_slow_test.cpp  slow     minutes; runs alone
#   x_gpu_test.cpp   gpu      skips without a device
#   x_fuzz.cpp       a libFuzzer target of the `fuzz` preset with seeds in tests/fuzz/x; its tests
#                    are 1e4 runs (unit) and 1e5 runs (slow)
#   x_kernels.cpp    left to its folder, which compiles it in its own way
#   x_testing.cpp    help for the folder's tests, linked to them only
function(polaris_module name)
  cmake_parse_arguments(ARG "TORCH" "" "DEPS;LIBS" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  set(fuzzers ${sources})
  list(FILTER fuzzers INCLUDE REGEX "_fuzz\\.cpp$")
  set(tests ${sources})
  list(FILTER tests INCLUDE REGEX "_test\\.cpp$")
  set(testing ${sources})
  list(FILTER testing INCLUDE REGEX "_testing\\.cpp$")
  list(FILTER sources EXCLUDE REGEX "(_test|_testing|_fuzz|_kernels)\\.cpp$")

  add_library(polaris_${name} STATIC ${sources})
  target_include_directories(polaris_${name} PUBLIC ${PROJECT_SOURCE_DIR}/src)
  list(TRANSFORM ARG_DEPS PREPEND polaris_)
  target_link_libraries(polaris_${name}
    PUBLIC ${ARG_DEPS} fmt::fmt nlohmann_json::nlohmann_json
    PRIVATE polaris_warnings ${ARG_LIBS})
  if(ARG_TORCH)
    target_link_libraries(polaris_${name} PRIVATE polaris_torch)
    list(APPEND ARG_LIBS polaris_torch)
  endif()

  if(POLARIS_TESTS)
    set(test_libs ${ARG_LIBS})
    if(testing)
      add_library(polaris_${name}_testing STATIC ${testing})
      target_link_libraries(polaris_${name}_testing PRIVATE polaris_${name} polaris_warnings
        polaris_testing)
      list(APPEND test_libs polaris_${name}_testing)
    endif()
    foreach(label http slow gpu)
      set(labelled ${tests})
      list(FILTER labelled INCLUDE REGEX "_${label}_test\\.cpp$")
      list(FILTER tests EXCLUDE REGEX "_${label}_test\\.cpp$")
      polaris_test(${name}_${label}_test ${name} ${label} "${labelled}" "${test_libs}")
    endforeach()
    set(label unit)
    if(ARG_TORCH)
      set(label torch)
    endif()
    polaris_test(${name}_test ${name} ${label} "${tests}" "${test_libs}")
  endif()

  if(POLARIS_FUZZ)
    foreach(source ${fuzzers})
      get_filename_component(fuzzer ${source} NAME_WE)
      add_executable(${fuzzer} ${source})
      target_link_libraries(${fuzzer} PRIVATE polaris_${name} polaris_warnings ${ARG_LIBS})
      target_link_options(${fuzzer} PRIVATE -fsanitize=fuzzer)
      add_dependencies(polaris_fuzzers ${fuzzer})

      # Inputs that reach new code are kept in the build folder; the committed seeds stay as they
      # are. A crashing input is left beside them.
      string(REGEX REPLACE "_fuzz$" "" target ${fuzzer})
      set(found ${CMAKE_BINARY_DIR}/fuzz/${target})
      file(MAKE_DIRECTORY ${found})
      foreach(label_runs "unit;10000" "slow;100000")
        list(GET label_runs 0 label)
        list(GET label_runs 1 runs)
        add_test(NAME ${fuzzer}_${label} COMMAND ${fuzzer} -runs=${runs} -seed=1 -max_len=4096
          -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 -verbosity=0
          -artifact_prefix=${found}/ ${found} ${PROJECT_SOURCE_DIR}/tests/fuzz/${target})
        set_tests_properties(${fuzzer}_${label} PROPERTIES LABELS ${label})
      endforeach()
    endforeach()
  endif()
endfunction()

# One GoogleTest binary; every test in it is one CTest, so that a failure has a name. libtorch takes
# a second to load, so the tests of a `torch` binary run together.
function(polaris_test target module label sources libs)
  if(NOT sources)
    return()
  endif()
  add_executable(${target} ${sources})
  target_link_libraries(${target} PRIVATE polaris_${module} polaris_warnings ${libs}
    polaris_testing GTest::gtest_main)
  set(properties LABELS ${label} ENVIRONMENT "OMP_NUM_THREADS=1")
  if(label STREQUAL "slow")
    list(APPEND properties RUN_SERIAL TRUE)  # one of them takes most of a machine's memory
  endif()
  if(label STREQUAL "torch")
    add_test(NAME ${target} COMMAND ${target})
    set_tests_properties(${target} PROPERTIES ${properties})
  else()
    gtest_discover_tests(${target} DISCOVERY_MODE PRE_TEST NO_PRETTY_VALUES
      PROPERTIES ${properties})
  endif()
endfunction()
