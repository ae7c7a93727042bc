#include "text/chat_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>

#include "base/error.h"

namespace polaris {

ChatWriter& ChatWriter::control(std::string_view text) {
  rendering_.text += text;
  return *this;
}

ChatWriter& ChatWriter::outside(std::string_view text) {
  if (text.empty()) return *this;
  const std::size_t begin = rendering_.text.size();
  rendering_.text += text;
  auto& ranges = rendering_.outside;
  if (!ranges.empty() && ranges.back().end == begin) {
    ranges.back().end = rendering_.text.size();
  } else {
    ranges.push_back({begin, rendering_.text.size()});
  }
  return *this;
}

ChatWriter& ChatWriter::copy(const Rendering& source, std::string_view part) {
  const auto begin = static_cast<std::size_t>(part.data() - source.text.data());
  const std::size_t end = begin + part.size();
  POLARIS_CHECK(end <= source.text.size());
  const std::string_view text = source.text;
  std::size_t at = begin;
  for (const ByteRange range : source.outside) {
    const std::size_t from = std::clamp(range.begin, at, end);
    const std::size_t to = std::clamp(range.end, from, end);
    control(text.substr(at, from - at)).outside(text.substr(from, to - from));
    at = to;
  }
  return control(text.substr(at, end - at));
}

namespace {

/// Python's repr(float): the shortest digits that read back, with an exponent from 1e16 and below
/// 1e-4 only.
std::string python_float(double value) {
  if (!std::isfinite(value))
    return std::isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";
  const double size = std::abs(value);
  const bool exponent = size != 0 && (size < 1e-4 || size >= 1e16);
  std::array<char, 64> buffer;
  const auto end =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                    exponent ? std::chars_format::scientific : std::chars_format::fixed)
          .ptr;
  std::string out(buffer.data(), end);
  if (!exponent && out.find('.') == std::string::npos) out += ".0";
  return out;
}

void append_json(std::string& out, const OrderedJson& value) {
  std::string_view separator;
  if (value.is_object()) {
    out += '{';
    for (const auto& [key, item] : value.items()) {
      out += separator;
      append_json(out, OrderedJson(key));
      out += ": ";
      append_json(out, item);
      separator = ", ";
    }
    out += '}';
  } else if (value.is_array()) {
    out += '[';
    for (const OrderedJson& item : value) {
      out += separator;
      append_json(out, item);
      separator = ", ";
    }
    out += ']';
  } else if (value.is_number_float()) {
    out += python_float(value.get<double>());
  } else {
    out += value.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
  }
}

}  // namespace

std::string python_json(const OrderedJson& value) {
  std::string out;
  append_json(out, value);
  return out;
}

std::string python_str(const OrderedJson& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_null()) return "None";
  if (value.is_boolean()) return value.get<bool>() ? "True" : "False";
  return python_json(value);
}

}  // namespace polaris
