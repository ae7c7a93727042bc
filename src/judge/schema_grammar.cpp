#include "judge/schema_grammar.h"

#include <fmt/format.h>

#include <vector>

#include "base/error.h"
#include "base/strings.h"

namespace polaris {
namespace {

/// A string of the grammar that stands for `text`.
std::string literal(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

/// A JSON string as literal: "\"key\"".
std::string json_literal(const std::string& text) { return literal(fmt::format("\"{}\"", text)); }

class GrammarWriter {
 public:
  std::string write(const OrderedJson& schema) {
    add("root", object(schema, "root"));
    add("string", R"("\"" ( [^"\\\x00-\x1F] | "\\" ( ["\\/bfnrt] | "u" [0-9a-fA-F]{4} ) )* "\"")");
    add("ws", R"([ \t\n]{0,16})");
    std::string grammar;
    for (const auto& [name, body] : rules_) grammar += fmt::format("{} ::= {}\n", name, body);
    return grammar;
  }

 private:
  void add(const std::string& name, std::string body) {
    for (const auto& [known, unused] : rules_) {
      if (known == name) return;
    }
    rules_.emplace_back(name, std::move(body));
  }

  /// An expression for a value; `name` is free for a rule of its own.
  std::string value(const OrderedJson& schema, const std::string& name) {
    const std::string type = schema.value("type", "");
    if (type == "object") {
      add(name, object(schema, name));
      return name;
    }
    if (type == "array") return strings(schema);
    if (type == "integer") return integer(schema);
    POLARIS_CHECK(type == "string", "a grammar for type '{}'", type);
    return schema.contains("enum") ? one_of(schema["enum"]) : "string";
  }

  std::string object(const OrderedJson& schema, const std::string& name) {
    POLARIS_CHECK(schema.value("type", "") == "object" &&
                      schema["required"].size() == schema["properties"].size(),
                  "a grammar for an open object");
    std::vector<std::string> members;
    for (const auto& [key, member] : schema["properties"].items()) {
      std::string rule = name == "root" ? key : name + "-" + key;
      for (char& c : rule) c = c == '_' ? '-' : c;  // a rule's name has no underscore
      members.push_back(fmt::format("{} ws \":\" ws {}", json_literal(key), value(member, rule)));
    }
    return fmt::format(R"("{{" ws {} ws "}}")", join(members, R"( ws "," ws )"));
  }

  std::string strings(const OrderedJson& schema) {
    POLARIS_CHECK(schema["items"].value("type", "") == "string", "a grammar for such a list");
    const auto max = schema["maxItems"].get<std::int64_t>();
    const std::string name = fmt::format("strings-{}", max);
    add(name, fmt::format(R"("[" ws ( string ( ws "," ws string ){{0,{}}} )? ws "]")", max - 1));
    return name;
  }

  std::string integer(const OrderedJson& schema) {
    POLARIS_CHECK(schema["minimum"] == 0, "a grammar for such a range");
    const auto max = schema["maximum"].get<std::int64_t>();
    std::vector<std::string> numbers;
    for (std::int64_t i = 0; i <= max; ++i) numbers.push_back(literal(std::to_string(i)));
    const std::string name = fmt::format("whole-{}", max);
    add(name, join(numbers, " | "));
    return name;
  }

  static std::string one_of(const OrderedJson& names) {
    std::vector<std::string> literals;
    for (const OrderedJson& name : names) literals.push_back(json_literal(name.get<std::string>()));
    return fmt::format("( {} )", join(literals, " | "));
  }

  std::vector<std::pair<std::string, std::string>> rules_;  // in any order: it begins at root
};

}  // namespace

std::string schema_grammar(const OrderedJson& schema) { return GrammarWriter().write(schema); }

}  // namespace polaris
