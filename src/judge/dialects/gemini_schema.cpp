#include "judge/dialects/gemini_schema.h"

#include <algorithm>

#include "text/unicode.h"

namespace polaris {
namespace {

void set_range(OrderedJson& schema, const OrderedJson& numbers) {
  const bool whole =
      std::ranges::all_of(numbers, [](const OrderedJson& one) { return one.is_number_integer(); });
  double low = numbers.front().get<double>();
  double high = low;
  for (const OrderedJson& number : numbers) {
    low = std::min(low, number.get<double>());
    high = std::max(high, number.get<double>());
  }
  schema["type"] = whole ? "integer" : "number";
  schema["minimum"] = low;
  schema["maximum"] = high;
}

void sanitize_enum(OrderedJson& schema) {
  const OrderedJson values = schema["enum"];
  if (!values.is_array() || values.empty()) return;
  const auto is_number = [](const OrderedJson& one) { return one.is_number(); };
  const auto is_text = [](const OrderedJson& one) { return one.is_string(); };
  if (std::ranges::all_of(values, is_number)) {
    schema.erase("enum");
    set_range(schema, values);
  } else if (!std::ranges::all_of(values, is_text)) {
    schema["type"] = "string";
    schema["enum"] = OrderedJson::array();
    for (const OrderedJson& value : values)
      schema["enum"].push_back(value.is_string() ? value : OrderedJson(value.dump()));
  }
}

void add_property_ordering(OrderedJson& schema) {
  if (!schema.is_structured()) return;
  for (OrderedJson& member : schema) add_property_ordering(member);
  if (!schema.is_object() || !schema.contains("properties") || schema.value("type", "") != "object")
    return;
  schema.erase("additionalProperties");
  OrderedJson order = OrderedJson::array();
  for (const auto& [key, unused] : schema["properties"].items()) order.push_back(key);
  schema["propertyOrdering"] = std::move(order);
}

}  // namespace

bool takes_json_schema(std::string_view model) {
  const std::string name = lower(model);
  return !name.starts_with("gemini-1") && !name.starts_with("gemini-2.0");
}

OrderedJson sanitize_schema(const OrderedJson& schema) {
  if (schema.is_array()) {
    OrderedJson list = OrderedJson::array();
    for (const OrderedJson& one : schema) list.push_back(sanitize_schema(one));
    return list;
  }
  if (!schema.is_object()) return schema;
  OrderedJson clean = OrderedJson::object();
  for (const auto& [key, value] : schema.items()) {
    if (key == "pattern" && value.is_string()) continue;  // a property may have that name
    clean[key] = key == "enum" || key == "const" ? value : sanitize_schema(value);
  }
  if (clean.contains("enum")) sanitize_enum(clean);
  if (clean.contains("const") && clean["const"].is_number()) {
    const OrderedJson number = OrderedJson::array({clean["const"]});
    clean.erase("const");
    set_range(clean, number);
  }
  return clean;
}

OrderedJson gemini_response_schema(const OrderedJson& schema) {
  OrderedJson clean = sanitize_schema(schema);
  add_property_ordering(clean);
  return clean;
}

}  // namespace polaris
