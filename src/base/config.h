#pragma once

/// Configuration: one TOML file, every key known, every value checked before anything starts.
///
/// A config struct lists its keys once, in fields(), and checks what spans several keys in
/// validate(). Reading, --set, `config show`, `config check` and the comparison at resume all walk
/// that one list.

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace polaris {

/// Numbers that a key accepts, and why.
struct Range {
  double low;
  double high;
  bool low_included = true;
  const char* why;

  bool holds(double number) const;
  std::string text() const;  ///< "in [0, 1]"
};
Range at_least(double low, const char* why);
Range above(double low, const char* why);
Range between(double low, double high, const char* why);

/// What a key needs besides its name, default and help.
struct KeyRules {
  std::optional<Range> range = std::nullopt;  ///< of a number, or of every number of a list
  bool changeable = false;                    ///< may differ when a run is continued
  /// Why the key has no effect beside the other values; empty: it has one. On a section it holds
  /// for all its keys.
  std::string unused = {};
};
inline KeyRules changeable(std::optional<Range> range = std::nullopt) {
  return {.range = range, .changeable = true};
}
KeyRules unused_if(bool condition, const char* why, std::optional<Range> range = std::nullopt);

/// An enum value seen as its name in the file.
struct EnumRef {
  std::function<std::string()> get;
  std::function<void(std::size_t)> set;  ///< by index into names
  std::vector<std::string> names;
};

/// One key: where its value lives, and what is said about it.
struct ConfigField {
  using Target = std::variant<bool*, std::int64_t*, double*, std::string*, std::array<double, 2>*,
                              std::array<std::int64_t, 2>*, std::vector<std::int64_t>*,
                              std::vector<std::string>*, EnumRef>;
  std::string path;  ///< "hri.peak_weight"
  Target target;
  std::string help;
  KeyRules rules;

  std::string section() const;  ///< "hri"; "" at the top
  std::string text() const;     ///< the value in TOML's spelling
};

/// Collects the keys of a config struct. A struct offers
///
///   void fields(FieldList& list) { list("peak_weight", peak_weight, "help", {.range = ...}); }
///   void validate() const;   // optional: rules over several keys; throws Error{kInvalidConfig}
///
/// and an enum used as a value offers `std::vector<std::string> enum_names(E)`, whose i-th entry
/// is the name of the enumerator with value i.
class FieldList {
 public:
  template <class T>
  void operator()(const char* key, T& value, const char* help, KeyRules rules = {});

  /// All keys and checks of a struct, which must outlive this list.
  template <class Config>
  void add_all(Config& config);

  const std::vector<ConfigField>& all() const { return fields_; }
  /// Runs validate() of every section. @throws Error{kInvalidConfig} naming `file`
  void validate(const std::string& file) const;

 private:
  void add(const char* key, ConfigField::Target target, const char* help, KeyRules rules);

  std::string prefix_;
  std::string section_unused_;
  std::vector<ConfigField> fields_;
  std::vector<std::function<void()>> checks_;
};

/// A value as the file spells it, with the place that a message can name ("demo.toml:12").
struct ConfigValue {
  using List = std::vector<std::variant<std::int64_t, double, std::string>>;
  std::variant<bool, std::int64_t, double, std::string, List> value;
  std::string origin;
};

/// The keys that a user gave: dotted path -> value. Later overrides replace earlier values.
class ConfigSource {
 public:
  ConfigSource() = default;
  /// @throws Error{kIo} if the file cannot be read, Error{kInvalidConfig} with line and column
  static ConfigSource from_file(const std::filesystem::path& file);
  static ConfigSource from_text(std::string_view toml, const std::string& name);

  /// `a.b=v`, v in TOML's spelling; a bare word is taken as a string.
  void set(std::string_view assignment);

  const std::map<std::string, ConfigValue>& values() const { return values_; }
  /// Every table with its place, empty ones too.
  const std::map<std::string, std::string>& sections() const { return sections_; }
  const std::string& name() const { return name_; }

 private:
  std::string name_ = "the configuration";
  std::map<std::string, ConfigValue> values_;
  std::map<std::string, std::string> sections_;
};

/// Writes the source's values into the listed fields.
/// @throws Error{kInvalidConfig} for an unknown key (with the nearest known one), a wrong type, a
///         value out of range (with the reason)
void assign_fields(const ConfigSource& source, const FieldList& list);

/// Reads, checks and validates a config struct. What the source does not name keeps its default.
template <class Config>
Config read_config(const ConfigSource& source) {
  Config config;
  FieldList list;
  list.add_all(config);
  assign_fields(source, list);
  list.validate(source.name());
  return config;
}

/// The keys of `config` with their present values (and with `unused` evaluated for them).
template <class Config>
FieldList list_fields(Config& config) {
  FieldList list;
  list.add_all(config);
  return list;
}

/// The whole file, each key with its help; a value that differs from `defaults` is marked with
/// the default. Reading the text back gives the same configuration.
std::string show_config(const FieldList& config, const FieldList& defaults);

/// One line for every key of `config` that has no effect although it was changed from `defaults`.
std::vector<std::string> keys_without_effect(const FieldList& config, const FieldList& defaults);

/// One line per key whose value differs and that is not marked changeable: what forbids to
/// continue a run that was started with `before`.
std::vector<std::string> fixed_keys_changed(const FieldList& before, const FieldList& now);

/// A file that a config names: as given if it exists from the working directory (or is absolute),
/// otherwise from the folder above the config's own folder (configs/..).
/// @throws Error{kIo} naming both places if neither exists
std::filesystem::path find_input(const std::filesystem::path& named,
                                 const std::filesystem::path& config_file);

// ---------------------------------------------------------------------------------------------

template <class Config>
void FieldList::add_all(Config& config) {
  config.fields(*this);
  if constexpr (requires { config.validate(); })
    checks_.emplace_back([&config] { config.validate(); });
}

template <class T>
void FieldList::operator()(const char* key, T& value, const char* help, KeyRules rules) {
  if constexpr (requires { value.fields(*this); }) {
    const std::string prefix = prefix_;
    const std::string unused = section_unused_;
    prefix_ += std::string(key) + '.';
    if (section_unused_.empty()) section_unused_ = rules.unused;
    add_all(value);
    prefix_ = prefix;
    section_unused_ = unused;
  } else if constexpr (std::is_enum_v<T>) {
    std::vector<std::string> names = enum_names(T{});
    add(key,
        EnumRef{.get = [&value, names] { return names.at(static_cast<std::size_t>(value)); },
                .set = [&value](std::size_t index) { value = static_cast<T>(index); },
                .names = names},
        help, std::move(rules));
  } else {
    add(key, &value, help, std::move(rules));
  }
}

}  // namespace polaris
