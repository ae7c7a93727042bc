// The only file that includes toml++.

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "base/config.h"
#include "base/error.h"
#include "base/strings.h"

namespace polaris {
namespace {

constexpr std::uintmax_t kMaxConfigBytes = 4U << 20;

std::string place(const std::string& name, const toml::source_region& region) {
  return fmt::format("{}:{}", name, region.begin.line);
}

/// toml++ 3.3 nests one table per dotted key part without a limit, and unwinds them recursively: a
/// line of a million dots would end the stack. No key of ours has more than four parts.
void refuse_long_keys(std::string_view toml, const std::string& name) {
  constexpr int kMaxParts = 32;
  int line = 1;
  int dots = 0;
  char quote = 0;       // the quote that is open, or 0
  bool triple = false;  // ... and it is one of """ or '''
  for (std::size_t i = 0; i < toml.size(); ++i) {
    const char c = toml[i];
    if (c == '\n') {
      ++line;
      dots = 0;
      if (!triple) quote = 0;
    } else if (quote != 0) {
      if (c == '\\' && quote == '"') {
        ++i;
      } else if (c == quote && (!triple || toml.substr(i, 3) == std::string(3, quote))) {
        i += triple ? 2 : 0;
        quote = 0;
        triple = false;
      }
    } else if (c == '"' || c == '\'') {
      quote = c;
      triple = toml.substr(i, 3) == std::string(3, c);
      i += triple ? 2 : 0;
    } else if (c == '#') {
      i = std::min(toml.find('\n', i), toml.size()) - 1;
    } else if (c == '=' || c == ',' || c == '{' || c == '[') {
      dots = 0;
    } else if (c == '.' && ++dots > kMaxParts) {
      throw Error(ErrorCode::kInvalidConfig,
                  fmt::format("{}:{}: a key of more than {} parts", name, line, kMaxParts));
    }
  }
}

/// Flattens tables into dotted paths.
class Flattener {
 public:
  Flattener(std::string name, std::map<std::string, ConfigValue>& values,
            std::map<std::string, std::string>& sections)
      : name_(std::move(name)), values_(values), sections_(sections) {}

  void table(const toml::table& table, const std::string& prefix) {
    for (const auto& [key, node] : table) {
      const std::string path =
          prefix.empty() ? std::string(key.str()) : fmt::format("{}.{}", prefix, key.str());
      const std::string origin = place(name_, node.source());
      if (const auto* nested = node.as_table()) {
        sections_.emplace(path, origin);
        this->table(*nested, path);
      } else if (const auto* list = node.as_array()) {
        values_.insert_or_assign(path, ConfigValue{items(*list, path, origin), origin});
      } else if (const auto* flag = node.as_boolean()) {
        values_.insert_or_assign(path, ConfigValue{flag->get(), origin});
      } else if (const auto* whole = node.as_integer()) {
        values_.insert_or_assign(path, ConfigValue{whole->get(), origin});
      } else if (const auto* real = node.as_floating_point()) {
        values_.insert_or_assign(path, ConfigValue{real->get(), origin});
      } else if (const auto* text = node.as_string()) {
        values_.insert_or_assign(path, ConfigValue{text->get(), origin});
      } else {
        throw Error(ErrorCode::kInvalidConfig,
                    fmt::format("{}: {} is a date or time; no key takes one", origin, path));
      }
    }
  }

 private:
  static ConfigValue::List items(const toml::array& list, const std::string& path,
                                 const std::string& origin) {
    ConfigValue::List out;
    for (const toml::node& item : list) {
      if (const auto* whole = item.as_integer()) {
        out.emplace_back(whole->get());
      } else if (const auto* real = item.as_floating_point()) {
        out.emplace_back(real->get());
      } else if (const auto* text = item.as_string()) {
        out.emplace_back(text->get());
      } else {
        throw Error(ErrorCode::kInvalidConfig,
                    fmt::format("{}: {} may hold numbers or strings only", origin, path));
      }
    }
    return out;
  }

  std::string name_;
  std::map<std::string, ConfigValue>& values_;
  std::map<std::string, std::string>& sections_;
};

}  // namespace

ConfigSource ConfigSource::from_text(std::string_view toml, const std::string& name) {
  ConfigSource source;
  source.name_ = name;
  refuse_long_keys(toml, name);
  try {
    Flattener(name, source.values_, source.sections_).table(toml::parse(toml), "");
  } catch (const toml::parse_error& e) {
    throw Error(ErrorCode::kInvalidConfig,
                fmt::format("{}:{}: column {}: {}", name, e.source().begin.line,
                            e.source().begin.column, e.description()));
  }
  return source;
}

ConfigSource ConfigSource::from_file(const std::filesystem::path& file) {
  std::error_code failure;
  if (std::filesystem::is_directory(file, failure))
    throw Error(ErrorCode::kIo, fmt::format("{} is a folder, not a TOML file", file.string()));
  std::ifstream in(file, std::ios::binary);
  if (!in)
    throw Error(ErrorCode::kIo, fmt::format("cannot read {}: does it exist?", file.string()));
  if (const auto bytes = std::filesystem::file_size(file, failure);
      !failure && bytes > kMaxConfigBytes)
    throw Error(ErrorCode::kInvalidConfig,
                fmt::format("{} has {}; a configuration has a few kB", file.string(),
                            human_bytes(static_cast<double>(bytes))));
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  return from_text(text, file.string());
}

void ConfigSource::set(std::string_view assignment) {
  const auto equals = assignment.find('=');
  const std::string path(trim(assignment.substr(0, equals)));
  if (equals == std::string_view::npos || path.empty() ||
      path.find_first_of("\n\r\"'[]# ") != std::string::npos)
    throw Error(ErrorCode::kInvalidConfig,
                fmt::format("--set {}: write it as section.key=value", assignment));
  const std::string value(trim(assignment.substr(equals + 1)));
  const std::string origin = fmt::format("--set {}", path);
  ConfigSource parsed;
  try {
    // Parsed under a plain key first, so that a value cannot smuggle in further keys.
    parsed = from_text("value = " + value, origin);
  } catch (const Error&) {
    // A bare word, as people type it in a shell. A value that begins like a list or a quoted
    // string was meant as one, so it is an error.
    if (value.empty() || value.find_first_of("[{\"'\n") != std::string::npos)
      throw Error(ErrorCode::kInvalidConfig,
                  fmt::format("--set {}: \"{}\" is not a TOML value", path, value));
    parsed.values_["value"] = ConfigValue{value, origin};
  }
  if (parsed.values_.size() != 1 || !parsed.values_.contains("value"))
    throw Error(ErrorCode::kInvalidConfig, fmt::format("--set {}: give one value at a time", path));
  ConfigValue& only = parsed.values_.at("value");
  only.origin = origin;
  values_.insert_or_assign(path, std::move(only));
}

}  // namespace polaris
