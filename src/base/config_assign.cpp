#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/config.h"
#include "base/error.h"
#include "base/strings.h"

namespace polaris {
namespace {

Error refuse(const std::string& origin, const std::string& what) {
  return {ErrorCode::kInvalidConfig, fmt::format("{}: {}", origin, what)};
}

/// Stores one given value in one field; one overload per type that a key can have.
class Assignment {
 public:
  Assignment(const ConfigField& field, const ConfigValue& given) : field_(field), given_(given) {}

  void operator()(bool* target) const { *target = get<bool>(given_.value, "true or false"); }
  void operator()(std::string* target) const {
    *target = get<std::string>(given_.value, "a string");
  }
  void operator()(std::int64_t* target) const { *target = whole(given_.value, "a whole number"); }
  void operator()(double* target) const { *target = real(given_.value, "a number"); }
  void operator()(std::array<double, 2>* target) const { pair(*target, "a list of two numbers"); }
  void operator()(std::array<std::int64_t, 2>* target) const {
    pair(*target, "a list of two whole numbers");
  }
  void operator()(std::vector<std::int64_t>* target) const {
    constexpr auto kExpected = "a list of whole numbers";
    target->clear();
    for (const auto& item : list(kExpected)) target->push_back(whole(item, kExpected));
  }
  void operator()(std::vector<std::string>* target) const {
    constexpr auto kExpected = "a list of strings";
    target->clear();
    for (const auto& item : list(kExpected)) target->push_back(get<std::string>(item, kExpected));
  }
  void operator()(const EnumRef& target) const {
    const auto expected = fmt::format("one of {}", fmt::join(target.names, ", "));
    const auto& given = get<std::string>(given_.value, expected);
    const auto name = std::ranges::find(target.names, given);
    if (name == target.names.end()) throw wrong(fmt::format("{}, not \"{}\"", expected, given));
    target.set(static_cast<std::size_t>(name - target.names.begin()));
  }

 private:
  Error wrong(std::string_view expected) const {
    return refuse(given_.origin, fmt::format("{} must be {}", field_.path, expected));
  }

  template <class T, class Value>
  const T& get(const Value& value, std::string_view expected) const {
    const auto* typed = std::get_if<T>(&value);
    if (typed == nullptr) throw wrong(expected);
    return *typed;
  }

  const ConfigValue::List& list(std::string_view expected) const {
    return get<ConfigValue::List>(given_.value, expected);
  }

  template <class Value>
  std::int64_t whole(const Value& value, std::string_view expected) const {
    const std::int64_t number = get<std::int64_t>(value, expected);  // 1.5 is no whole number
    check_range(static_cast<double>(number));
    return number;
  }

  template <class Value>
  double real(const Value& value, std::string_view expected) const {
    const auto* as_whole = std::get_if<std::int64_t>(&value);  // 1 is a good number
    const double number =
        as_whole != nullptr ? static_cast<double>(*as_whole) : get<double>(value, expected);
    if (!std::isfinite(number)) throw wrong("a finite number");
    check_range(number);
    return number;
  }

  template <class T>
  void pair(std::array<T, 2>& target, std::string_view expected) const {
    const auto& items = list(expected);
    if (items.size() != 2) throw wrong(expected);
    for (std::size_t i = 0; i < 2; ++i) {
      if constexpr (std::is_floating_point_v<T>) {
        target[i] = real(items[i], expected);
      } else {
        target[i] = whole(items[i], expected);
      }
    }
  }

  void check_range(double number) const {
    const auto& range = field_.rules.range;
    if (range && !range->holds(number))
      throw refuse(given_.origin, fmt::format("{} is {}; it must be {}: {}", field_.path, number,
                                              range->text(), range->why));
  }

  const ConfigField& field_;
  const ConfigValue& given_;
};

std::string did_you_mean(const std::string& path, const std::vector<std::string>& names) {
  const std::string guess = nearest(path, names);
  return guess.empty() ? "" : fmt::format("; did you mean {}?", guess);
}

}  // namespace

void assign_fields(const ConfigSource& source, const FieldList& list) {
  std::map<std::string, const ConfigField*> known;
  std::vector<std::string> paths;
  std::vector<std::string> sections;
  for (const ConfigField& field : list.all()) {
    known.emplace(field.path, &field);
    paths.push_back(field.path);
    // "reward.length_rule" makes "reward" a section too
    for (std::size_t dot = field.path.find('.'); dot != std::string::npos;
         dot = field.path.find('.', dot + 1))
      sections.push_back(field.path.substr(0, dot));
  }
  const auto is_section = [&](const std::string& path) {
    return std::ranges::find(sections, path) != sections.end();
  };

  for (const auto& [section, origin] : source.sections()) {
    if (known.contains(section))
      throw refuse(origin, fmt::format("{} is a value, not a section", section));
    if (!is_section(section))
      throw refuse(origin,
                   fmt::format("unknown section [{}]{}", section, did_you_mean(section, sections)));
  }
  for (const auto& [path, given] : source.values()) {
    if (is_section(path))
      throw refuse(given.origin, fmt::format("{} is a section, not a value", path));
    const auto field = known.find(path);
    if (field == known.end())
      throw refuse(given.origin, fmt::format("unknown key {}{}", path, did_you_mean(path, paths)));
    std::visit(Assignment(*field->second, given), field->second->target);
  }
}

}  // namespace polaris
