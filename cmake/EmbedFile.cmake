# polaris_embed(<target> <name>=<file> ...)
#
# Makes files a part of the program: `<name>` is then a std::string_view of namespace
# polaris::embedded, which a header of the target declares. Done when configuring, again when a file
# changes.
function(polaris_embed target)
  set(source "#include <string_view>\n\nnamespace polaris::embedded {\n")
  foreach(entry ${ARGN})
    string(REGEX MATCH "^([^=]+)=(.+)$" matched ${entry})
    set(name ${CMAKE_MATCH_1})
    set(file ${CMAKE_MATCH_2})
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
    file(READ ${file} bytes HEX)
    string(REGEX REPLACE "(................................)" "\\1\n" bytes "${bytes}")
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
    string(APPEND source
      "constexpr unsigned char ${name}_bytes[] = {\n${bytes}};\n"
      "extern const std::string_view ${name};\n"
      "const std::string_view ${name}(reinterpret_cast<const char*>(${name}_bytes), sizeof ${name}_bytes);\n\n")
  endforeach()
  string(APPEND source "}  // namespace polaris::embedded\n")
  set(generated ${CMAKE_CURRENT_BINARY_DIR}/embedded.cpp)
  file(GENERATE OUTPUT ${generated} CONTENT "${source}")
  target_sources(${target} PRIVATE ${generated})
endfunction()
