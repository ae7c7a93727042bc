#include "app/version.h"

#include <curl/curl.h>
#include <fmt/format.h>
#include <openssl/crypto.h>
#include <sqlite3.h>
#include <toml++/toml.h>
#include <utf8proc.h>

#include <CLI/Version.hpp>
#include <nlohmann/json.hpp>

#include "nn/torch_version.h"

namespace polaris {

std::string version_text() {
  std::string out = fmt::format("polaris {}\n", POLARIS_VERSION);
  const auto line = [&](const char* library, const std::string& version) {
    out += fmt::format("  {:<14} {}\n", library, version);
  };
  line("libtorch", torch_version());
  line("libcurl", curl_version_info(CURLVERSION_NOW)->version);
  line("OpenSSL", OpenSSL_version(OPENSSL_VERSION_STRING));
  line("SQLite", sqlite3_libversion());
  line("utf8proc", utf8proc_version());
  line("nlohmann-json", fmt::format("{}.{}.{}", NLOHMANN_JSON_VERSION_MAJOR,
                                    NLOHMANN_JSON_VERSION_MINOR, NLOHMANN_JSON_VERSION_PATCH));
  line("toml++", fmt::format("{}.{}.{}", TOML_LIB_MAJOR, TOML_LIB_MINOR, TOML_LIB_PATCH));
  line("CLI11", CLI11_VERSION);
  line("fmt",
       fmt::format("{}.{}.{}", FMT_VERSION / 10000, FMT_VERSION / 100 % 100, FMT_VERSION % 100));
  out.pop_back();
  return out;
}

}  // namespace polaris
