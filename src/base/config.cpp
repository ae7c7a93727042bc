#include "base/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/strings.h"

namespace polaris {
namespace {

/// TOML's basic string: everything but printable ASCII and UTF-8 is escaped.
std::string toml_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string spelled(bool value) { return value ? "true" : "false"; }
std::string spelled(std::int64_t value) { return std::to_string(value); }
std::string spelled(const std::string& value) { return toml_string(value); }

/// The shortest decimal that reads back as the same double, always with the look of a float.
std::string spelled(double value) {
  std::string out = fmt::format("{}", value);
  if (out.find_first_of(".einf") == std::string::npos) out += ".0";
  return out;
}

template <class List>
std::string spelled_list(const List& list) {
  std::string out;
  for (const auto& item : list) out += (out.empty() ? "" : ", ") + spelled(item);
  return "[" + out + "]";
}

struct Spell {
  std::string operator()(const EnumRef& value) const { return toml_string(value.get()); }
  template <class T>
  std::string operator()(const T* value) const {
    if constexpr (requires { spelled(*value); }) {
      return spelled(*value);
    } else {
      return spelled_list(*value);
    }
  }
};

}  // namespace

Range at_least(double low, const char* why) {
  return {.low = low, .high = std::numeric_limits<double>::infinity(), .why = why};
}
Range above(double low, const char* why) {
  Range range = at_least(low, why);
  range.low_included = false;
  return range;
}
Range between(double low, double high, const char* why) {
  return {.low = low, .high = high, .why = why};
}

std::string Range::text() const {
  if (std::isinf(high)) return fmt::format("{} {}", low_included ? "at least" : "above", low);
  return fmt::format("in {}{}, {}]", low_included ? '[' : '(', low, high);
}

bool Range::holds(double number) const {
  return number <= high && (low_included ? number >= low : number > low);
}

KeyRules unused_if(bool condition, const char* why, std::optional<Range> range) {
  return {.range = range, .unused = condition ? why : ""};
}

std::string ConfigField::section() const {
  const auto dot = path.rfind('.');
  return dot == std::string::npos ? "" : path.substr(0, dot);
}

std::string ConfigField::text() const { return std::visit(Spell{}, target); }

void FieldList::add(const char* key, ConfigField::Target target, const char* help, KeyRules rules) {
  if (!section_unused_.empty()) rules.unused = section_unused_;
  fields_.push_back({prefix_ + key, std::move(target), help, std::move(rules)});
}

void FieldList::validate(const std::string& file) const {
  try {
    for (const auto& check : checks_) check();
  } catch (const Error& e) {
    throw e.within(file);
  }
}

std::string show_config(const FieldList& config, const FieldList& defaults) {
  constexpr std::size_t kHelpColumn = 34;
  std::string out;
  std::string section;
  for (std::size_t i = 0; i < config.all().size(); ++i) {
    const ConfigField& field = config.all()[i];
    const std::string here = field.section();
    if (here != section) {
      out += fmt::format("\n[{}]\n", here);
      section = here;
    }
    const std::string key = here.empty() ? field.path : field.path.substr(here.size() + 1);
    const std::string value = field.text();
    const std::string standard = defaults.all()[i].text();
    std::string help = field.help;
    if (const auto* names = std::get_if<EnumRef>(&field.target))
      help += fmt::format(" ({})", fmt::join(names->names, " | "));
    if (field.rules.range) help += fmt::format("; {}", field.rules.range->text());
    if (field.rules.changeable) help += "; may change on resume";
    if (value != standard) help += fmt::format("  [default: {}]", standard);
    out += fmt::format("{:<{}}  # {}\n", fmt::format("{} = {}", key, value), kHelpColumn, help);
  }
  return out;
}

std::vector<std::string> keys_without_effect(const FieldList& config, const FieldList& defaults) {
  std::vector<std::string> lines;
  for (std::size_t i = 0; i < config.all().size(); ++i) {
    const ConfigField& field = config.all()[i];
    if (field.rules.unused.empty() || field.text() == defaults.all()[i].text()) continue;
    lines.push_back(
        fmt::format("{} = {} has no effect: {}", field.path, field.text(), field.rules.unused));
  }
  return lines;
}

std::vector<std::string> fixed_keys_changed(const FieldList& before, const FieldList& now) {
  std::vector<std::string> lines;
  for (std::size_t i = 0; i < now.all().size(); ++i) {
    const ConfigField& field = now.all()[i];
    const std::string old = before.all()[i].text();
    if (field.rules.changeable || field.text() == old) continue;
    lines.push_back(fmt::format("{} was {}, is {}", field.path, old, field.text()));
  }
  return lines;
}

std::filesystem::path find_input(const std::filesystem::path& named,
                                 const std::filesystem::path& config_file) {
  if (std::filesystem::exists(named)) return named;
  auto beside = std::filesystem::absolute(config_file).parent_path().parent_path() / named;
  if (named.is_relative() && !config_file.empty() && std::filesystem::exists(beside)) return beside;
  throw Error(ErrorCode::kIo, named.is_relative() && !config_file.empty()
                                  ? fmt::format("{} is missing; looked for it here and as {}",
                                                named.string(), beside.string())
                                  : fmt::format("{} is missing", named.string()));
}

}  // namespace polaris
