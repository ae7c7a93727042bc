#include "base/json.h"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "base/error.h"
#include "base/temp_folder.h"

namespace polaris {
namespace {

/// The message of the Error{kInvalidData} for `text`.
std::string refusal(std::string_view text) {
  try {
    parse_json(text, "judge.jsonl:17");
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kInvalidData);
    return e.what();
  }
  return "accepted";
}

std::string nested(int levels) { return std::string(levels, '[') + std::string(levels, ']'); }

TEST(ParseJson, ReadsValuesWithTheirTypes) {
  const Json value = parse_json(R"({"a": [1, -2, 3.5, true, null, "x\u00e9\n"]})", "here");
  EXPECT_EQ(value["a"][0].get<int>(), 1);
  EXPECT_TRUE(value["a"][2].is_number_float());
  EXPECT_TRUE(value["a"][4].is_null());
  EXPECT_EQ(value["a"][5].get<std::string>(), "xé\n");
  EXPECT_EQ(parse_json("18446744073709551615", "here").get<std::uint64_t>(), ~std::uint64_t{0});
}

TEST(ParseJson, NamesThePlaceAndTheColumnOfALine) {
  const std::string message = refusal(R"({"a": nul})");
  EXPECT_TRUE(message.starts_with("judge.jsonl:17: not JSON at column 10: syntax error"))
      << message;
  EXPECT_EQ(message.find("json.exception"), std::string::npos) << message;
}

TEST(ParseJson, NamesLineAndColumnOfALongerText) {
  const std::string message = refusal("{\n  \"a\": 1,\n  \"b\" 2\n}");
  EXPECT_NE(message.find("at line 3, column 7"), std::string::npos) << message;
  EXPECT_NE(refusal("{\n").find("at line 2, column 1"), std::string::npos) << refusal("{\n");
}

TEST(ParseJson, RefusesWhatIsNotWhole) {
  for (const char* text : {"", " ", "{", "[1,", "\"abc", "tru", "{\"a\":1", "1 2", "{}{}", "[1,]",
                           "{'a':1}", "NaN", "01", "\"\xff\"", "\"\x01\"", "\xEF\xBB"}) {
    EXPECT_TRUE(refusal(text).starts_with("judge.jsonl:17: not JSON")) << text;
  }
  EXPECT_NE(refusal("1e999").find("number overflow"), std::string::npos) << refusal("1e999");
}

TEST(ParseJson, RefusesAKeyThatStandsTwiceInOneObject) {
  EXPECT_EQ(refusal(R"({"a": 1, "b": {"a": 2}, "a": 3})"),
            "judge.jsonl:17: the key \"a\" stands twice in one object");
  EXPECT_EQ(refusal(R"([{"a": 1}, {"a": 2}])"), "accepted");
  EXPECT_EQ(refusal(R"({"a": {"a": {"a": 1}}, "b": {"a": 1}})"), "accepted");
  EXPECT_NE(refusal(R"({"a": 1, "\u0061": 2})"), "accepted") << "the same key, written otherwise";
}

TEST(ParseJson, AllowsTwoHundredLevelsAndNoMore) {
  EXPECT_EQ(refusal(nested(kMaxJsonDepth)), "accepted");
  EXPECT_EQ(refusal(nested(kMaxJsonDepth + 1)), "judge.jsonl:17: nested deeper than 200 levels");
  std::string objects;
  for (int i = 0; i <= kMaxJsonDepth; ++i) objects += R"({"a":)";
  EXPECT_EQ(refusal(objects), "judge.jsonl:17: nested deeper than 200 levels");
  EXPECT_EQ(refusal(std::string(1'000'000, '[')), "judge.jsonl:17: nested deeper than 200 levels");
}

TEST(ParseJson, MessagesAreOneShortLineWhateverTheText) {
  const std::string long_key = '"' + std::string(100'000, 'k') + "\\n\"";
  const std::string long_keys = fmt::format("{{{}:1,{}:2}}", long_key, long_key);
  const std::string open_string = '"' + std::string(100'000, 'x');
  for (const std::string& text : {long_keys, open_string, std::string("{\"a\\nb\":1,\"a\\nb\":2}"),
                                  std::string("\"a\nb\"")}) {
    const std::string message = refusal(text);
    EXPECT_NE(message, "accepted");
    EXPECT_LT(message.size(), 600U);
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  }
}

TEST(ReadJsonFile, NamesTheFileInEveryError) {
  const TempFolder folder;
  const auto path = folder / "a.json";
  const auto error_of = [&](std::uintmax_t max_bytes, ErrorCode code) -> std::string {
    try {
      read_json_file(path, max_bytes);
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), code);
      EXPECT_NE(std::string(e.what()).find(path.string()), std::string::npos) << e.what();
      return e.what();
    }
    return "no error";
  };
  EXPECT_NE(error_of(10, ErrorCode::kIo).find("No such file"), std::string::npos);
  std::ofstream(path) << "[12345678]";
  EXPECT_EQ(error_of(10, ErrorCode::kIo), "no error");
  EXPECT_NE(error_of(9, ErrorCode::kIo).find("more than 9 bytes"), std::string::npos);
  std::ofstream(path) << "";
  error_of(10, ErrorCode::kInvalidData);
  std::filesystem::remove(path);
  std::filesystem::create_directory(path);
  EXPECT_NE(error_of(10, ErrorCode::kIo).find("Is a directory"), std::string::npos);
}

TEST(DumpJson, WritesOneLineThatReadsBack) {
  const Json value = {{"b", "two\nlines \x7f \u2028"}, {"a", {1, 0.1, 1e300, nullptr}}};
  const std::string line = dump_json(value);
  EXPECT_EQ(line.find('\n'), std::string::npos);
  EXPECT_TRUE(line.starts_with("{\"a\":[1,0.1,1e+300,null],"));
  EXPECT_EQ(parse_json(line, "line"), value);
}

TEST(DumpJson, ReplacesWhatJsonCannotHold) {
  EXPECT_EQ(dump_json("a\xff"), "\"a\uFFFD\"");
  EXPECT_EQ(dump_json(std::nan("")), "null");
  EXPECT_EQ(dump_json(INFINITY), "null");
}

TEST(OrderedJson, KeepsTheOrderOfItsKeys) {
  OrderedJson value;
  value["z"] = 1;
  value["a"] = 2;
  EXPECT_EQ(value.dump(), "{\"z\":1,\"a\":2}");
}

TEST(ParseOrderedJson, KeepsTheOrderOfKeysUnderTheSameLimits) {
  EXPECT_EQ(parse_ordered_json(R"({"z": 1, "a": {"y": 2, "b": 3}})", "x").dump(),
            R"({"z":1,"a":{"y":2,"b":3}})");
  EXPECT_THROW(parse_ordered_json(R"({"a": 1, "a": 2})", "x"), Error);
  EXPECT_THROW(parse_ordered_json(std::string(1000, '['), "x"), Error);
  std::string wide = "{\"k0\":0";
  for (int i = 1; i <= 10'000; ++i) wide += ",\"k" + std::to_string(i) + "\":0";
  EXPECT_THROW(parse_ordered_json(wide + "}", "x"), Error);
  EXPECT_NO_THROW(parse_json(wide + "}", "x"));
}

}  // namespace
}  // namespace polaris
