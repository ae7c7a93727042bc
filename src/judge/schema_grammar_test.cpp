#include "judge/schema_grammar.h"

#include <gtest/gtest.h>

#include <cctype>
#include <map>
#include <set>

#include "base/error.h"
#include "judge/judge_testing.h"
#include "judge/rubric_text.h"

namespace polaris {
namespace {

/// A plain interpreter of GBNF: all ends that a rule can reach from a set of beginnings.
class Gbnf {
 public:
  explicit Gbnf(const std::string& grammar) {
    std::istringstream lines(grammar);
    for (std::string line; std::getline(lines, line);) {
      const auto arrow = line.find(" ::= ");
      rules_[line.substr(0, arrow)] = line.substr(arrow + 5);
    }
  }

  bool accepts(const std::string& text) const {
    return ends_of_rule("root", text, {0}).contains(text.size());
  }

 private:
  using Places = std::set<std::size_t>;

  Places ends_of_rule(const std::string& name, const std::string& text, const Places& from) const {
    const std::string& body = rules_.at(name);
    std::size_t pos = 0;
    return alternatives(body, pos, text, from);
  }

  Places alternatives(const std::string& body, std::size_t& pos, const std::string& text,
                      const Places& from) const {
    Places all;
    Places now = from;
    for (skip(body, pos); pos < body.size() && body[pos] != ')'; skip(body, pos)) {
      if (body[pos] == '|') {
        ++pos;
        all.merge(now);
        now = from;
      } else {
        now = repeated(body, pos, text, now);
      }
    }
    all.merge(now);
    return all;
  }

  Places repeated(const std::string& body, std::size_t& pos, const std::string& text,
                  const Places& from) const {
    const std::size_t begin = pos;
    Places once = item(body, pos, text, from);
    std::size_t least = 1;
    std::size_t most = 1;
    if (pos < body.size() && (body[pos] == '?' || body[pos] == '*')) {
      least = 0;
      most = body[pos] == '*' ? text.size() + 1 : 1;
      ++pos;
    } else if (pos < body.size() && body[pos] == '{') {
      const auto close = body.find('}', pos);
      const std::string inside = body.substr(pos + 1, close - pos - 1);
      const auto comma = inside.find(',');
      least = std::stoul(inside);
      most = comma == std::string::npos ? least : std::stoul(inside.substr(comma + 1));
      pos = close + 1;
    }
    Places all = least == 0 ? from : Places();
    if (least == 0) all.insert(once.begin(), once.end());
    Places now = std::move(once);
    for (std::size_t count = 1; count <= most && !now.empty(); ++count) {
      if (count >= least) all.insert(now.begin(), now.end());
      std::size_t again = begin;
      Places next = item(body, again, text, now);
      std::erase_if(next, [&](std::size_t place) { return count >= least && all.contains(place); });
      now = std::move(next);
    }
    return most == 0 ? from : all;
  }

  Places item(const std::string& body, std::size_t& pos, const std::string& text,
              const Places& from) const {
    if (body[pos] == '(') {
      const Places ends = alternatives(body, ++pos, text, from);
      ++pos;
      return ends;
    }
    if (body[pos] == '"') return literal(body, pos, text, from);
    if (body[pos] == '[') return one_of(body, pos, text, from);
    std::string name;
    while (pos < body.size() &&
           (std::isalnum(static_cast<unsigned char>(body[pos])) != 0 || body[pos] == '-'))
      name += body[pos++];
    return ends_of_rule(name, text, from);
  }

  static void skip(const std::string& body, std::size_t& pos) {
    while (pos < body.size() && body[pos] == ' ') ++pos;
  }

  static unsigned char character(const std::string& body, std::size_t& pos) {
    if (body[pos] != '\\') return static_cast<unsigned char>(body[pos++]);
    const char escape = body[++pos];
    ++pos;
    if (escape == 'x') {
      const auto value = std::stoul(body.substr(pos, 2), nullptr, 16);
      pos += 2;
      return static_cast<unsigned char>(value);
    }
    return static_cast<unsigned char>(escape == 'n' ? '\n' : escape == 't' ? '\t' : escape);
  }

  static Places literal(const std::string& body, std::size_t& pos, const std::string& text,
                        const Places& from) {
    std::string wanted;
    for (++pos; body[pos] != '"';) wanted += static_cast<char>(character(body, pos));
    ++pos;
    Places ends;
    for (const std::size_t place : from) {
      if (text.compare(place, wanted.size(), wanted) == 0) ends.insert(place + wanted.size());
    }
    return ends;
  }

  static Places one_of(const std::string& body, std::size_t& pos, const std::string& text,
                       const Places& from) {
    const bool negated = body[++pos] == '^';
    if (negated) ++pos;
    std::array<bool, 256> members{};
    while (body[pos] != ']') {
      const unsigned char low = character(body, pos);
      unsigned char high = low;
      if (body[pos] == '-' && body[pos + 1] != ']') high = character(body, ++pos);
      for (int c = low; c <= high; ++c) members[static_cast<std::size_t>(c)] = true;
    }
    ++pos;
    Places ends;
    for (const std::size_t place : from) {
      if (place < text.size() && members[static_cast<unsigned char>(text[place])] != negated)
        ends.insert(place + 1);
    }
    return ends;
  }

  std::map<std::string, std::string> rules_;
};

OrderedJson schema() { return answer_schema(shipped_rubric(), TotalsRule::kRecomputed); }

/// An answer with its keys in the order of the schema.
OrderedJson ordered_answer(std::int64_t points) {
  const OrderedJson unordered = answer_with(points);
  const OrderedJson form = schema();
  OrderedJson answer;
  for (const auto& [key, member] : form["properties"].items()) {
    if (!member.contains("properties")) {
      answer[key] = unordered[key];
      continue;
    }
    for (const auto& [inner, unused] : member["properties"].items())
      answer[key][inner] = unordered[key][inner];
  }
  return answer;
}

bool accepts(const OrderedJson& answer) {
  static const Gbnf kGrammar(schema_grammar(schema()));
  return kGrammar.accepts(answer.dump());
}

TEST(SchemaGrammar, AcceptsAnswersInTheSchemasOrder) {
  EXPECT_TRUE(accepts(ordered_answer(0)));
  EXPECT_TRUE(accepts(ordered_answer(20)));
  OrderedJson answer = ordered_answer(3);
  answer["bonus"]["nearest"] = "P6";
  answer["bonus"]["quotes"] = {"a \"quoted\" one\\", "\u00E9\n"};
  EXPECT_TRUE(accepts(answer));
  EXPECT_TRUE(Gbnf(schema_grammar(schema())).accepts(answer.dump(2))) << "indented";
}

TEST(SchemaGrammar, RefusesWhatTheSchemaRefuses) {
  const auto refuses = [](const std::function<void(OrderedJson&)>& change) {
    OrderedJson answer = ordered_answer(3);
    change(answer);
    return !accepts(answer);
  };
  EXPECT_TRUE(refuses([](auto& answer) { answer["voice_style"]["score"] = 16; }));
  EXPECT_TRUE(refuses([](auto& answer) { answer["voice_style"]["score"] = -1; }));
  EXPECT_TRUE(refuses([](auto& answer) { answer["voice_style"]["score"] = "3"; }));
  EXPECT_TRUE(refuses([](auto& answer) { answer["voice_style"].erase("why"); }));
  EXPECT_TRUE(refuses([](auto& answer) { answer["voice_style"]["quotes"] = {"a", "b", "c"}; }));
  EXPECT_TRUE(refuses([](auto& answer) { answer["penalty"]["nearest"] = "P1"; }));
  EXPECT_TRUE(refuses([](auto& answer) { answer.erase("overall_comment"); }));
  EXPECT_TRUE(refuses([](auto& answer) { answer["more"] = 1; }));
}

TEST(SchemaGrammar, HasOnlyRuleNamesThatLlamaServerTakes) {
  std::istringstream lines(schema_grammar(schema()));
  std::set<std::string> names;
  for (std::string line; std::getline(lines, line);) {
    const std::string name = line.substr(0, line.find(' '));
    EXPECT_EQ(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz-0123456789"), std::string::npos);
    EXPECT_TRUE(names.insert(name).second) << name << " stands twice";
  }
  EXPECT_TRUE(names.contains("root"));
}

TEST(SchemaGrammar, IsNotMadeForOtherSchemas) {
  EXPECT_THROW(schema_grammar({{"type", "object"},
                               {"properties", {{"a", {{"type", "number"}}}}},
                               {"required", OrderedJson::array({"a"})}}),
               Error);
}

}  // namespace
}  // namespace polaris
